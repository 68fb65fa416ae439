//! The producers of a sink: built when first needed, and anew when they are of no more use.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::IntCounter;
use rdkafka::ClientConfig;
use tokio::sync::Notify;

use super::client::Client;
use super::config::KafkaConfig;
use super::context::{Context, Ear};
use crate::sink::error::{CheckError, Code, one_line};
use crate::sink::secret;

/// Hands out producers.
pub(super) struct Clients {
    sink: Arc<str>,
    config: KafkaConfig,
    window: usize,
    rebuilds: IntCounter,
    trouble: Arc<Notify>,
    built: Mutex<Built>,
}

#[derive(Default)]
struct Built {
    usual: Option<Arc<Client>>,
    /// Sends every event in a batch of its own.
    solo: Option<Arc<Client>>,
    /// Of the files that they were built from.
    fingerprint: [u8; 32],
}

impl Clients {
    pub(super) fn new(sink: &str, config: &KafkaConfig, window: usize, rebuilds: IntCounter) -> Self {
        Clients {
            sink: sink.into(),
            config: config.clone(),
            window,
            rebuilds,
            trouble: Arc::default(),
            built: Mutex::default(),
        }
    }

    pub(super) fn config(&self) -> &KafkaConfig {
        &self.config
    }

    /// The producer in use, if one was built.
    pub(super) fn usual(&self) -> Option<Arc<Client>> {
        self.built().usual.clone()
    }

    /// The producer in use, or a new one where it is of no more use, where its cluster fell `silent`, or where its files
    /// have changed.
    pub(super) fn fresh(&self, silent: bool) -> Result<Arc<Client>, CheckError> {
        let fingerprint = secret::fingerprint(self.config.files());
        let before = self.usual();
        let fatal = before.as_ref().is_some_and(|client| client.is_fatal());
        let usable = |_: &Arc<Client>| !fatal && !silent && self.built().fingerprint == fingerprint;
        if let Some(client) = before.filter(usable) {
            return Ok(client);
        }
        let client = Arc::new(self.build(&self.configured()?)?);
        let replaced = {
            let mut built = self.built();
            built.fingerprint = fingerprint;
            [built.usual.replace(Arc::clone(&client)), built.solo.take()]
        };
        if fatal || silent {
            self.rebuilds.inc();
            let why = if fatal { "met a fatal error" } else { "had no answer for its events" };
            tracing::warn!(sink = &*self.sink, "the kafka client {why} and was built anew");
        }
        let end = if silent && !fatal { Client::step_aside } else { Client::retire };
        replaced.into_iter().flatten().for_each(end);
        Ok(client)
    }

    /// A producer that puts every event in a batch of its own.
    pub(super) fn solo(&self) -> Result<Arc<Client>, CheckError> {
        if let Some(client) = self.built().solo.clone().filter(|client| !client.is_fatal()) {
            return Ok(client);
        }
        let mut config = self.configured()?;
        config.set("batch.num.messages", "1");
        let client = Arc::new(self.build(&config)?);
        let replaced = self.built().solo.replace(Arc::clone(&client));
        replaced.into_iter().for_each(Client::retire);
        Ok(client)
    }

    /// The configuration with the secrets as their files hold them now.
    pub(super) fn configured(&self) -> Result<ClientConfig, CheckError> {
        self.config
            .client(self.window)
            .map_err(|error| CheckError::blocking(Code::Credentials, error.to_string()))
    }

    /// The callbacks of a new client.
    pub(super) fn context(&self) -> Context {
        Context {
            sink: Arc::clone(&self.sink),
            ear: Arc::new(Ear::new(Arc::clone(&self.trouble))),
            sasl: self.config.sasl.clone().map(Arc::new),
        }
    }

    /// Resolves when a client reports trouble of its own accord.
    pub(super) async fn troubled(&self) {
        self.trouble.notified().await;
    }

    fn build(&self, config: &ClientConfig) -> Result<Client, CheckError> {
        Client::new(config, self.context()).map_err(|error| {
            let reason = format!("the kafka client cannot be made: {}", one_line(&error.to_string()));
            CheckError::blocking(Code::Credentials, reason)
        })
    }

    fn built(&self) -> std::sync::MutexGuard<'_, Built> {
        self.built.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        let built = std::mem::take(&mut *self.built());
        [built.usual, built.solo].into_iter().flatten().for_each(Client::retire);
    }
}
