//! Configurations of the tests, as the text an operator would write.

use std::fmt::Write;

use super::brokers;
use super::callback::{ACCOUNT, AUTH_ID, MAIN_TOKEN, ORIGIN, TOKEN, next};

/// A configuration in the making: one account, no sink, every port the system's choice.
#[derive(Debug, Clone)]
pub struct Config {
    /// Lines of `[ingress]`, `[spool]`, `[log]` and `[relay]`, beside those that every test needs.
    ingress: String,
    drain_delay: String,
    spool: String,
    level: String,
    /// Whole tables.
    accounts: String,
    tables: String,
    top: String,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            ingress: String::new(),
            drain_delay: "0s".to_owned(),
            spool: String::new(),
            level: "info".to_owned(),
            accounts: account(ACCOUNT, AUTH_ID, TOKEN, Some(MAIN_TOKEN)),
            tables: String::new(),
            top: String::new(),
        }
    }
}

impl Config {
    pub fn new() -> Self {
        Config::default()
    }

    /// A relay with nothing but the File sink.
    pub fn files() -> Self {
        Config::new().file_sink("files", "")
    }

    pub fn ingress(mut self, lines: &str) -> Self {
        writeln!(self.ingress, "{lines}").unwrap();
        self
    }

    pub fn drain_delay(self, delay: &str) -> Self {
        Config { drain_delay: delay.to_owned(), ..self }
    }

    pub fn spool(mut self, lines: &str) -> Self {
        writeln!(self.spool, "{lines}").unwrap();
        self
    }

    pub fn level(self, level: &str) -> Self {
        Config { level: level.to_owned(), ..self }
    }

    /// These tables of accounts instead of the usual one.
    pub fn accounts(self, tables: &str) -> Self {
        Config { accounts: tables.to_owned(), ..self }
    }

    /// Any other tables.
    pub fn tables(mut self, tables: &str) -> Self {
        writeln!(self.tables, "{tables}").unwrap();
        self
    }

    /// Keys above all tables.
    pub fn top(mut self, lines: &str) -> Self {
        writeln!(self.top, "{lines}").unwrap();
        self
    }

    pub fn file_sink(self, name: &str, lines: &str) -> Self {
        self.tables(&format!("[sinks.{name}]\ntype = \"file\"\ndir = \"events\"\n{lines}\n"))
    }

    /// A sink called `kafka` that makes its topics, all of which begin with `prefix`.
    pub fn kafka_sink(self, server: &str, prefix: &str, lines: &str) -> Self {
        self.kafka_sink_of("replication = 1", server, prefix, lines)
    }

    /// The same of topics with these copies.
    pub fn kafka_sink_of(self, copies: &str, server: &str, prefix: &str, lines: &str) -> Self {
        let create = format!("create = {{ enabled = true, partitions = 3, {copies} }}");
        let own = format!("type = \"kafka\"\nservers = [\"{server}\"]\n{create}\n{lines}");
        self.tables(&format!("[sinks.kafka]\n{own}\n{}", topics("kafka", prefix)))
    }

    /// A sink called `nats` that makes its stream, of the name `prefix` and with subjects that begin so.
    pub fn nats_sink(self, url: &str, prefix: &str, lines: &str) -> Self {
        self.nats_sink_of(1, url, prefix, lines)
    }

    /// The same of a stream with so many copies.
    pub fn nats_sink_of(self, replicas: usize, url: &str, prefix: &str, lines: &str) -> Self {
        let own = format!("type = \"nats\"\nservers = [\"{url}\"]\nstream = \"{prefix}\"\n{lines}");
        let create = format!("create = {{ enabled = true, replicas = {replicas} }}");
        self.tables(&format!("[sinks.nats]\n{own}\n{create}\n{}", topics("nats", prefix)))
    }

    pub fn text(&self) -> String {
        let Config { ingress, drain_delay, spool, level, accounts, tables, top } = self;
        format!(
            "{top}\n[ingress]\nlisten = \"127.0.0.1:0\"\npublic_urls = [\"{ORIGIN}\"]\ndrain_delay = \"{drain_delay}\"\n{ingress}\n\
             [admin]\nlisten = \"127.0.0.1:0\"\n\n[log]\nlevel = \"{level}\"\nformat = \"json\"\n\n\
             [spool]\npath = \"spool\"\n{spool}\n{accounts}\n{tables}"
        )
    }
}

/// The table of an account.
pub fn account(name: &str, auth_id: &str, token: &str, main_token: Option<&str>) -> String {
    let main = main_token.map(|token| format!("main_tokens = [\"{token}\"]\n")).unwrap_or_default();
    format!("[accounts.{name}]\nauth_id = \"{auth_id}\"\ntokens = [\"{token}\"]\n{main}")
}

/// The table of a sink's topics: `{prefix}.{endpoint}`.
pub fn topics(sink: &str, prefix: &str) -> String {
    let kinds = ["brand", "campaign", "number_linking", "number_unlinking", "unrecognized"];
    let lines: String = kinds.iter().map(|kind| format!("{kind} = \"{prefix}.{kind}\"\n")).collect();
    format!("[sinks.{sink}.topics]\n{lines}")
}

/// A beginning of topic names, and a name of a stream, that no other test has, in this run or another.
pub fn fresh_prefix(test: &str) -> String {
    format!("it-{test}-{}-{}", brokers::run_id(), next())
}
