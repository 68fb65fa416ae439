//! Every metric of the relay, once. The doc comment of a field is its help text in words for developers; the help
//! that Prometheus shows stands beside the name.
//!
//! Every label comes from a closed set and every series exists from the start at 0, so that `rate()` sees the first
//! failure and nothing that a caller sends can make a new series.

mod labels;
mod registrar;

use prometheus::{
    Encoder, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry,
    TextEncoder,
};

pub use self::labels::*;
use self::registrar::Registrar;
use crate::event::Status;

/// Seconds, from a tenth of a millisecond to ten seconds.
const LATENCY_BUCKETS: &[f64] =
    &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Seconds from acceptance to publication: up to days of a broker's outage.
const DELAY_BUCKETS: &[f64] =
    &[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86400.0];

/// Callbacks in one commit.
const GROUP_BUCKETS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// Every metric. Clones share the same series.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    /// HTTP requests answered on the callback listener, by the route's endpoint, method and status code.
    pub requests: IntCounterVec,
    /// From the first byte of a request to its answer.
    pub request_seconds: Histogram,
    /// Requests being answered.
    pub requests_in_flight: IntGauge,
    /// Open connections on the callback listener.
    pub connections: IntGauge,
    /// Connections closed by the relay before their peer did, by reason: over the cap, header or idle time-out, a broken request.
    pub connections_closed: IntCounterVec,
    /// Verified or refused callbacks, by the scheme that decided, result (ok, refused) and reason.
    pub verifications: IntCounterVec,
    /// Which key proved a callback: the account's or the main account's, and the position of the token in its list. A slot that stays at 0 after a rotation can be removed.
    pub key_matches: IntCounterVec,
    /// Callbacks with a good V2 signature and a V3 signature that did not match.
    pub v3_mismatches: IntCounter,
    /// 1 when verification is switched off in the configuration.
    pub verification_off: IntGauge,
    /// Reloads of accounts and tokens, by result (ok, failed). A failed one leaves the old tokens in force.
    pub account_reloads: IntCounterVec,
    /// Accounts whose tokens are loaded.
    pub accounts: IntGauge,
    /// Genuine callbacks answered 200, by endpoint and outcome.
    pub callbacks: IntCounterVec,
    /// Accepted callbacks by endpoint and canonical status.
    pub events: IntCounterVec,
    /// Accepted callbacks that could not be placed, by reason.
    pub unrecognized: IntCounterVec,
    /// Duplicates held back although their entity had changed status in between.
    pub duplicates_after_change: IntCounter,
    /// Quarantined callbacks that were counted but not kept, since a cap was reached.
    pub quarantine_overflow: IntCounter,
    /// From handing a callback to the spool until it is durable.
    pub append_seconds: Histogram,
    /// One commit with its fsync.
    pub commit_seconds: Histogram,
    /// Callbacks made durable by one commit.
    pub group_size: Histogram,
    /// Callbacks answered 503 since they could not be made durable, by reason.
    pub append_failures: IntCounterVec,
    /// Bytes in use by the spool: pages in use and the log.
    pub spool_bytes: IntGauge,
    /// Bytes of the spool's files on disk.
    pub spool_file_bytes: IntGauge,
    /// The configured cap on spool_bytes.
    pub spool_cap_bytes: IntGauge,
    /// Records in the spool, published or not.
    pub spool_records: IntGauge,
    /// Rows of the tables that outlive records: signatures, fingerprints, entities.
    pub ledger_rows: IntGaugeVec,
    /// Duplicates held back and kept.
    pub held_rows: IntGauge,
    /// Quarantined callbacks kept.
    pub quarantine_rows: IntGauge,
    /// Records deleted, by reason: retention, space, skipped (unpublished on a sink that is not required).
    pub spool_deleted: IntCounterVec,
    /// 1 while the spool refuses appends after a disk error.
    pub spool_poisoned: IntGauge,
    /// Times that the spool proved good again after a disk error.
    pub spool_recoveries: IntCounter,
    /// Records whose checksum did not match when claimed.
    pub spool_damaged_records: IntCounter,
    /// Notes of the ledger that could not be read at the last start: retries of what they were about may be taken for new.
    pub spool_damaged_notes: IntGauge,
    /// Changes of the spool made by command, by kind.
    pub operator_changes: IntCounterVec,
    /// Events acknowledged by the broker, by sink and topic (the configured name, templates not expanded).
    pub published: IntCounterVec,
    /// Publications to be tried again, by sink and topic.
    pub publish_retries: IntCounterVec,
    /// Events that a sink refused for good, by sink and topic.
    pub dead_letters_total: IntCounterVec,
    /// Failed publications by sink and kind of error.
    pub publish_failures: IntCounterVec,
    /// From handing an event to the broker until its acknowledgement.
    pub publish_seconds: HistogramVec,
    /// From acceptance of a callback to the broker's acknowledgement of its event. Replays not counted.
    pub accept_to_publish_seconds: HistogramVec,
    /// Records not yet published on the sink.
    pub depth: IntGaugeVec,
    /// Age of the oldest record not yet published on the sink; 0 when there is none.
    pub lag_seconds: GaugeVec,
    /// Events handed to the broker and not yet acknowledged.
    pub publishing: IntGaugeVec,
    /// Dead letters waiting for a decision.
    pub dead_letters: IntGaugeVec,
    /// 1 while the sink takes events.
    pub sink_up: IntGaugeVec,
    /// Times that the sink's client was built anew after a fatal error.
    pub producer_rebuilds: IntCounterVec,
    /// 1 while a callback can be made durable.
    pub ready: IntGauge,
    /// 1 from the first SIGTERM on.
    pub draining: IntGauge,
    /// When the process started, in seconds since 1970: a change of it is a restart.
    pub start_time: IntGauge,
}

impl Metrics {
    /// All metrics, registered, with every series of a closed set at 0.
    ///
    /// # Errors
    /// When two metrics have one name: a mistake in this file.
    pub fn new() -> Result<Self, prometheus::Error> {
        let r = Registrar(Registry::new_custom(Some("tendlc".to_owned()), None)?);
        let metrics = Metrics {
            requests: r.counters("requests_total", "HTTP requests answered on the callback listener, by the route's endpoint, method and status code.", &["endpoint", "method", "code"])?,
            request_seconds: r.histogram("request_duration_seconds", "From the first byte of a request to its answer.", LATENCY_BUCKETS)?,
            requests_in_flight: r.gauge("requests_in_flight", "Requests being answered.")?,
            connections: r.gauge("connections", "Open connections on the callback listener.")?,
            connections_closed: r.counters("connections_closed_total", "Connections closed by the relay before their peer did, by reason: over the cap, header or idle time-out, a broken request.", &["reason"])?,
            verifications: r.counters("verifications_total", "Verified or refused callbacks, by the scheme that decided, result (ok, refused) and reason.", &["scheme", "result", "reason"])?,
            key_matches: r.counters("key_matches_total", "Which key proved a callback: the account's or the main account's, and the position of the token in its list. A slot that stays at 0 after a rotation can be removed.", &["key", "slot"])?,
            v3_mismatches: r.counter("v3_mismatches_total", "Callbacks with a good V2 signature and a V3 signature that did not match.")?,
            verification_off: r.gauge("verification_off", "1 when verification is switched off in the configuration.")?,
            account_reloads: r.counters("account_reloads_total", "Reloads of accounts and tokens, by result (ok, failed). A failed one leaves the old tokens in force.", &["result"])?,
            accounts: r.gauge("accounts", "Accounts whose tokens are loaded.")?,
            callbacks: r.counters("callbacks_total", "Genuine callbacks answered 200, by endpoint and outcome.", &["endpoint", "outcome"])?,
            events: r.counters("events_total", "Accepted callbacks by endpoint and canonical status.", &["endpoint", "status"])?,
            unrecognized: r.counters("unrecognized_total", "Accepted callbacks that could not be placed, by reason.", &["reason"])?,
            duplicates_after_change: r.counter("duplicates_after_status_change_total", "Duplicates held back although their entity had changed status in between.")?,
            quarantine_overflow: r.counter("quarantine_overflow_total", "Quarantined callbacks that were counted but not kept, since a cap was reached.")?,
            append_seconds: r.histogram("append_duration_seconds", "From handing a callback to the spool until it is durable.", LATENCY_BUCKETS)?,
            commit_seconds: r.histogram("commit_duration_seconds", "One commit with its fsync.", LATENCY_BUCKETS)?,
            group_size: r.histogram("commit_group_size", "Callbacks made durable by one commit.", GROUP_BUCKETS)?,
            append_failures: r.counters("append_failures_total", "Callbacks answered 503 since they could not be made durable, by reason.", &["reason"])?,
            spool_bytes: r.gauge("spool_bytes", "Bytes in use by the spool: pages in use and the log.")?,
            spool_file_bytes: r.gauge("spool_file_bytes", "Bytes of the spool's files on disk.")?,
            spool_cap_bytes: r.gauge("spool_cap_bytes", "The configured cap on spool_bytes.")?,
            spool_records: r.gauge("spool_records", "Records in the spool, published or not.")?,
            ledger_rows: r.gauges("ledger_rows", "Rows of the tables that outlive records: signatures, fingerprints, entities.", &["table"])?,
            held_rows: r.gauge("held_rows", "Duplicates held back and kept.")?,
            quarantine_rows: r.gauge("quarantine_rows", "Quarantined callbacks kept.")?,
            spool_deleted: r.counters("spool_deleted_total", "Records deleted, by reason: retention, space, skipped (unpublished on a sink that is not required).", &["reason"])?,
            spool_poisoned: r.gauge("spool_poisoned", "1 while the spool refuses appends after a disk error.")?,
            spool_recoveries: r.counter("spool_recoveries_total", "Times that the spool proved good again after a disk error.")?,
            spool_damaged_records: r.counter("spool_damaged_records_total", "Records whose checksum did not match when claimed.")?,
            spool_damaged_notes: r.gauge("spool_damaged_notes", "Notes of the ledger that could not be read at the last start: retries of what they were about may be taken for new.")?,
            operator_changes: r.counters("operator_changes_total", "Changes of the spool made by command, by kind.", &["change"])?,
            published: r.counters("published_total", "Events acknowledged by the broker, by sink and topic (the configured name, templates not expanded).", &["sink", "topic"])?,
            publish_retries: r.counters("publish_retries_total", "Publications to be tried again, by sink and topic.", &["sink", "topic"])?,
            dead_letters_total: r.counters("dead_lettered_total", "Events that a sink refused for good, by sink and topic.", &["sink", "topic"])?,
            publish_failures: r.counters("publish_failures_total", "Failed publications by sink and kind of error.", &["sink", "code"])?,
            publish_seconds: r.histograms("publish_duration_seconds", "From handing an event to the broker until its acknowledgement.", LATENCY_BUCKETS, &["sink"])?,
            accept_to_publish_seconds: r.histograms("accept_to_publish_seconds", "From acceptance of a callback to the broker's acknowledgement of its event. Replays not counted.", DELAY_BUCKETS, &["sink"])?,
            depth: r.gauges("depth", "Records not yet published on the sink.", &["sink"])?,
            lag_seconds: r.float_gauges("lag_seconds", "Age of the oldest record not yet published on the sink; 0 when there is none.", &["sink"])?,
            publishing: r.gauges("publishing", "Events handed to the broker and not yet acknowledged.", &["sink"])?,
            dead_letters: r.gauges("dead_letters", "Dead letters waiting for a decision.", &["sink"])?,
            sink_up: r.gauges("sink_up", "1 while the sink takes events.", &["sink"])?,
            producer_rebuilds: r.counters("producer_rebuilds_total", "Times that the sink's client was built anew after a fatal error, or since its broker did not answer for events.", &["sink"])?,
            ready: r.gauge("ready", "1 while a callback can be made durable.")?,
            draining: r.gauge("draining", "1 from the first SIGTERM on.")?,
            start_time: r.gauge("start_time_seconds", "When the process started, in seconds since 1970: a change of it is a restart.")?,
            registry: r.0,
        };
        metrics.start_at_zero();
        Ok(metrics)
    }

    /// The text exposition format, version 0.0.4.
    pub fn encode(&self) -> String {
        let mut out = Vec::new();
        // Writing to a vector of gathered families that were valid at registration cannot fail.
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut out) {
            tracing::error!(%error, "metrics could not be encoded");
        }
        String::from_utf8_lossy(&out).into_owned()
    }
}

impl Metrics {
    /// Registers the program's version as the labels of a gauge that is always 1.
    ///
    /// # Errors
    /// When called twice.
    pub fn set_build_info(&self, version: &str, commit: &str) -> Result<(), prometheus::Error> {
        let r = Registrar(self.registry.clone());
        let info = r.gauges("build_info", "The running version; always 1.", &["version", "commit"])?;
        info.with_label_values(&[version, commit]).set(1);
        Ok(())
    }

    /// Makes the series of a sink exist. `topics` are the configured names, templates not expanded; `codes` the
    /// kinds of error that the sink can report.
    pub fn register_sink(&self, sink: &str, topics: &[&str], codes: &[&str]) {
        for topic in topics {
            for counters in [&self.published, &self.publish_retries, &self.dead_letters_total] {
                counters.with_label_values(&[sink, topic]);
            }
        }
        for code in codes {
            self.publish_failures.with_label_values(&[sink, code]);
        }
        for histograms in [&self.publish_seconds, &self.accept_to_publish_seconds] {
            histograms.with_label_values(&[sink]);
        }
        for gauges in [&self.depth, &self.publishing, &self.dead_letters, &self.sink_up] {
            gauges.with_label_values(&[sink]);
        }
        self.lag_seconds.with_label_values(&[sink]);
        self.producer_rebuilds.with_label_values(&[sink]);
    }

    /// Makes the series of a verification result exist.
    pub fn register_verification(&self, scheme: &str, result: &str, reason: &str) {
        self.verifications.with_label_values(&[scheme, result, reason]);
    }

    fn start_at_zero(&self) {
        for endpoint in ROUTE_ENDPOINTS {
            for method in METHODS {
                for code in CODES {
                    self.requests.with_label_values(&[endpoint, method, code]);
                }
            }
        }
        for endpoint in ENDPOINTS {
            for outcome in OUTCOMES {
                self.callbacks.with_label_values(&[endpoint, outcome]);
            }
            for status in Status::ALL {
                self.events.with_label_values(&[endpoint, status.as_str()]);
            }
        }
        for key in ["account", "main"] {
            for slot in 0..KEY_SLOTS {
                self.key_matches.with_label_values(&[key, slot.to_string().as_str()]);
            }
        }
        for reason in UNRECOGNIZED_REASONS {
            self.unrecognized.with_label_values(&[reason]);
        }
        for reason in APPEND_FAILURES {
            self.append_failures.with_label_values(&[reason]);
        }
        for reason in CLOSE_REASONS {
            self.connections_closed.with_label_values(&[reason]);
        }
        for reason in DELETE_REASONS {
            self.spool_deleted.with_label_values(&[reason]);
        }
        for change in CHANGES {
            self.operator_changes.with_label_values(&[change]);
        }
        for table in LEDGER_TABLES {
            self.ledger_rows.with_label_values(&[table]);
        }
        for result in ["ok", "failed"] {
            self.account_reloads.with_label_values(&[result]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_the_prefix_and_stands_at_zero_from_the_start() {
        let metrics = Metrics::new().unwrap();
        metrics.register_sink("files", &["plivo.10dlc.brand"], &["io"]);
        let text = metrics.encode();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            assert!(line.starts_with("tendlc_"), "{line}");
            let value = line.rsplit(' ').next().unwrap();
            assert_eq!(value, "0", "{line}");
        }
        assert!(text.contains(r#"tendlc_requests_total{code="200",endpoint="brand",method="POST"} 0"#));
        assert!(text.contains(r#"tendlc_published_total{sink="files",topic="plivo.10dlc.brand"} 0"#));
    }

    #[test]
    fn the_readme_names_every_metric() {
        let readme = include_str!("../README.md");
        let metrics = Metrics::new().unwrap();
        metrics.set_build_info("0", "0").unwrap();
        metrics.register_sink("files", &["plivo.10dlc.brand"], &["io"]);
        metrics.register_verification("v2", "ok", "none");
        for family in metrics.registry.gather() {
            assert!(readme.contains(&format!("`{}`", family.name())), "{} is missing", family.name());
        }
    }
}
