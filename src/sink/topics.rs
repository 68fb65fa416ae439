//! Where an event goes: from templates to the names of topics and subjects.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::event::Endpoint;
use crate::metrics::endpoint_label;

/// The topics of a sink, one template an endpoint. `{endpoint}` and `{account}` are replaced; several endpoints may
/// share a topic, which keeps an entity's order across them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TopicsConfig {
    /// Brands.
    pub brand: String,
    /// Campaigns.
    pub campaign: String,
    /// Linking of numbers.
    pub number_linking: String,
    /// Unlinking of numbers.
    pub number_unlinking: String,
    /// Callbacks that could not be placed.
    pub unrecognized: String,
}

impl Default for TopicsConfig {
    fn default() -> Self {
        let each = || "plivo.10dlc.{endpoint}".to_owned();
        TopicsConfig {
            brand: each(),
            campaign: each(),
            number_linking: each(),
            number_unlinking: each(),
            unrecognized: each(),
        }
    }
}

impl TopicsConfig {
    /// The template of an endpoint.
    pub fn template(&self, endpoint: Option<Endpoint>) -> &str {
        match endpoint {
            Some(Endpoint::Brand) => &self.brand,
            Some(Endpoint::Campaign) => &self.campaign,
            Some(Endpoint::NumberLinking) => &self.number_linking,
            Some(Endpoint::NumberUnlinking) => &self.number_unlinking,
            None => &self.unrecognized,
        }
    }

    /// The problem with a template, where there is one.
    pub fn validate(&self) -> Result<(), String> {
        Topics::new(self).map(|_| ())
    }
}

/// What stands for the account where a template is only looked at.
const ANY_ACCOUNT: &str = "account";

/// Kafka's limit on a topic's name, taken for all sinks.
const LONGEST: usize = 249;

/// The endpoints in the order in which `Topics` keeps them.
const PLACES: [Option<Endpoint>; 5] = [
    Some(Endpoint::Brand),
    Some(Endpoint::Campaign),
    Some(Endpoint::NumberLinking),
    Some(Endpoint::NumberUnlinking),
    None,
];

/// Templates proven to give legal names for Kafka, NATS and file systems alike.
#[derive(Debug, Clone)]
pub(super) struct Topics([Template; 5]);

#[derive(Debug, Clone)]
struct Template {
    /// As configured, with the endpoint filled in and `{account}` left as it is: the metric label.
    label: Arc<str>,
    /// With the endpoint filled in, cut at each `{account}`.
    pieces: Vec<String>,
    /// The whole name, where no account is in it.
    fixed: Option<Arc<str>>,
}

impl Topics {
    pub(super) fn new(config: &TopicsConfig) -> Result<Self, String> {
        let mut templates = Vec::with_capacity(PLACES.len());
        for endpoint in PLACES {
            let name = endpoint_label(endpoint);
            let template = Template::new(config.template(endpoint), name)
                .map_err(|problem| format!("topics.{name}: {problem}"))?;
            templates.push(template);
        }
        let templates: Result<[Template; 5], _> = templates.try_into();
        templates.map(Topics).map_err(|_| "topics: one template an endpoint is needed".to_owned())
    }

    /// The topic of an event.
    pub(super) fn topic(&self, endpoint: Option<Endpoint>, account: &str) -> Arc<str> {
        let template = self.template(endpoint);
        template.fixed.clone().unwrap_or_else(|| {
            let mut name = template.filled(&sanitized(account));
            name.truncate(LONGEST);
            name.into()
        })
    }

    /// The topic's name with `{account}` left as it is: one of a closed set.
    pub(super) fn label(&self, endpoint: Option<Endpoint>) -> Arc<str> {
        Arc::clone(&self.template(endpoint).label)
    }

    /// The NATS subject with wildcards for accounts.
    pub(super) fn subject(&self, endpoint: Option<Endpoint>) -> Arc<str> {
        self.template(endpoint).subject()
    }

    /// Every label, each once.
    pub(super) fn labels(&self) -> Vec<Arc<str>> {
        distinct(self.0.iter().map(|template| Arc::clone(&template.label)))
    }

    /// The topics whose names do not depend on an account, each once.
    pub(super) fn fixed(&self) -> Vec<Arc<str>> {
        distinct(self.0.iter().filter_map(|template| template.fixed.clone()))
    }

    /// A NATS subject with wildcards for each template, each once.
    pub(super) fn subjects(&self) -> Vec<Arc<str>> {
        distinct(self.0.iter().map(Template::subject))
    }

    fn template(&self, endpoint: Option<Endpoint>) -> &Template {
        let [brand, campaign, linking, unlinking, unrecognized] = &self.0;
        match endpoint {
            Some(Endpoint::Brand) => brand,
            Some(Endpoint::Campaign) => campaign,
            Some(Endpoint::NumberLinking) => linking,
            Some(Endpoint::NumberUnlinking) => unlinking,
            None => unrecognized,
        }
    }
}

impl Template {
    fn new(text: &str, endpoint: &str) -> Result<Self, String> {
        let with_endpoint = text.replace("{endpoint}", endpoint);
        let pieces: Vec<String> = with_endpoint.split("{account}").map(str::to_owned).collect();
        let mut template = Template { label: with_endpoint.as_str().into(), pieces, fixed: None };
        let sample = template.filled(ANY_ACCOUNT);
        legal(&sample).map_err(|problem| format!("{text:?} {problem}"))?;
        template.fixed = (template.pieces.len() == 1).then(|| sample.into());
        Ok(template)
    }

    fn filled(&self, account: &str) -> String {
        self.pieces.join(account)
    }

    /// A token that has an account in it becomes `*`.
    fn subject(&self) -> Arc<str> {
        const MARK: &str = "*";
        let marked = self.pieces.join(MARK);
        let tokens: Vec<&str> =
            marked.split('.').map(|token| if token.contains(MARK) { MARK } else { token }).collect();
        tokens.join(".").into()
    }
}

fn legal(name: &str) -> Result<(), String> {
    if name.len() > LONGEST {
        return Err(format!("is longer than {LONGEST} characters"));
    }
    if name.split('.').any(str::is_empty) {
        return Err("has an empty part: parts are separated by single dots".to_owned());
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')) {
        return Err("may hold letters, digits, '.', '_', '-', {endpoint} and {account} only".to_owned());
    }
    Ok(())
}

/// An account's name as part of a topic: one token, whatever the name.
fn sanitized(account: &str) -> String {
    const PART: usize = 100;
    let legal = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '_' };
    let name: String = account.chars().take(PART).map(legal).collect();
    if name.is_empty() { "_".to_owned() } else { name }
}

fn distinct(names: impl Iterator<Item = Arc<str>>) -> Vec<Arc<str>> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_brand(template: &str) -> TopicsConfig {
        TopicsConfig { brand: template.to_owned(), ..TopicsConfig::default() }
    }

    #[test]
    fn the_default_is_one_topic_an_endpoint() {
        let topics = Topics::new(&TopicsConfig::default()).unwrap();
        let names = PLACES.map(|endpoint| topics.topic(endpoint, "acme").to_string());
        let expected = ["brand", "campaign", "number_linking", "number_unlinking", "unrecognized"];
        assert_eq!(names, expected.map(|name| format!("plivo.10dlc.{name}")));
        assert_eq!(topics.fixed().len(), 5);
        assert_eq!(topics.labels(), topics.fixed());
    }

    #[test]
    fn an_account_is_one_token_whatever_its_name() {
        let topics = Topics::new(&with_brand("t.{account}.{endpoint}")).unwrap();
        assert_eq!(&*topics.topic(Some(Endpoint::Brand), "a.b/../*>ü"), "t.a_b_______.brand");
        assert_eq!(&*topics.topic(Some(Endpoint::Brand), ""), "t._.brand");
        let long = topics.topic(Some(Endpoint::Brand), &"x".repeat(9_000));
        assert!(legal(&long).is_ok());
        assert_eq!(topics.fixed().len(), 4);
        assert_eq!(&*topics.label(Some(Endpoint::Brand)), "t.{account}.brand");
    }

    #[test]
    fn subjects_have_wildcards_for_accounts() {
        let subject = |template: &str| Topics::new(&with_brand(template)).unwrap().subjects()[0].to_string();
        assert_eq!(subject("t.{account}.{endpoint}"), "t.*.brand");
        assert_eq!(subject("t-{account}.{endpoint}"), "*.brand");
        assert_eq!(subject("t.{endpoint}"), "t.brand");
    }

    #[test]
    fn names_that_a_broker_would_refuse_are_refused_at_once() {
        for template in ["", "a..b", ".a", "a.", "a b", "a/b", "a.*", "a.>", "{brand}", "ä", &"x".repeat(250)]
        {
            let problem = with_brand(template).validate().unwrap_err();
            assert!(problem.starts_with("topics.brand: "), "{problem}");
        }
    }
}
