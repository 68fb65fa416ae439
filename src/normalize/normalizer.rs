//! The stage: configured once, then pure.

use super::config::{NormalizeConfig, NormalizeConfigError};
use super::fingerprint::fingerprint;
use super::names::{Ignored, Names};
use super::read::facts;
use super::{Facts, NormalizedCallback};
use crate::callback::params::{self, Body, Params};
use crate::callback::{Request, VerifiedCallback};
use crate::event::{Endpoint, Unrecognized};

/// Understands callbacks.
#[derive(Debug, Clone)]
pub struct Normalizer {
    names: Names,
    ignored: Ignored,
    max_parameters: usize,
}

impl Normalizer {
    /// Prepares the aliases.
    ///
    /// # Errors
    /// What [`NormalizeConfig::validate`] refuses.
    pub fn new(config: &NormalizeConfig) -> Result<Self, NormalizeConfigError> {
        Ok(Normalizer {
            names: config.names()?,
            ignored: Ignored::new(&config.ignore_fields),
            max_parameters: config.max_parameters,
        })
    }

    /// What `callback` means. Never fails.
    pub fn normalize(&self, callback: VerifiedCallback) -> NormalizedCallback {
        let parts = callback.into_parts();
        let params = params::parse(&parts.request, usize::MAX);
        let fingerprint = fingerprint(&parts.verdict.auth_id, &parts.request, &params, &self.ignored);
        let facts = self.read(params, parts.route_endpoint, parts.tag);
        NormalizedCallback {
            request: parts.request,
            verdict: parts.verdict,
            facts,
            fingerprint,
            signatures: parts.signatures,
        }
    }

    /// What a request says, for one that was received before and is normalized again: `route` and `tag` are those that
    /// the first facts kept.
    pub fn facts(&self, request: &Request, route: Option<Endpoint>, tag: Option<String>) -> Facts {
        self.read(params::parse(request, usize::MAX), route, tag)
    }

    fn read(&self, mut params: Params<'_>, route: Option<Endpoint>, tag: Option<String>) -> Facts {
        if params.count() > self.max_parameters && !matches!(params.body, Body::Opaque(_)) {
            params.body = Body::Opaque(Unrecognized::TooManyParameters);
        }
        facts(&params, &self.names, route, tag)
    }
}
