//! A closer look at a stream and its server than a check takes, which changes nothing.

use std::time::Duration;

use async_nats::jetstream::context::Context;
use async_nats::jetstream::stream::{ClusterInfo, Info, RetentionPolicy};
use serde_json::Value;

use super::config::NatsConfig;
use super::connection::Connection;
use super::{NatsSink, monitor, stream};
use crate::event::Timestamp;
use crate::finding::{Finding, Level};
use crate::sink::error::CheckError;
use crate::sink::examine::{Wants, when_unreachable};
use crate::units::Span;

/// Clocks that differ by more than this make a mess of times; by more than the other, one of them is wrong.
const DRIFT: i64 = 1_000;
const WRONG: i64 = 10_000;

impl NatsSink {
    /// What stream and server are like, and what may become of events there. Makes no stream.
    pub(in crate::sink) async fn examine(&self, wants: &Wants) -> Vec<Finding> {
        self.look_closely(wants).await.unwrap_or_else(|error| vec![when_unreachable(&error)])
    }

    async fn look_closely(&self, wants: &Wants) -> Result<Vec<Finding>, CheckError> {
        let trouble = std::sync::Arc::clone(&self.trouble);
        let connection = Connection::open(&self.name, &self.config, self.window, trouble).await?;
        let server = connection.context.client().server_info();
        let mut found = match stream::look(&connection.context, &self.config).await? {
            Some(info) => {
                let mut found = self.judge(&info, wants);
                found.extend(too_small(&info, server.max_payload, wants));
                found.extend(clock(&connection.context, &self.config.stream).await);
                found
            }
            None => vec![self.missing()],
        };
        found.push(monitor::syncs(&self.config, &server.server_id, &wants.nats_monitors).await);
        Ok(found)
    }

    fn missing(&self) -> Finding {
        let stream = &self.config.stream;
        if self.config.create.enabled {
            return Finding::note(format!(
                "stream {stream} does not exist yet: the relay makes it when it starts"
            ));
        }
        let command = stream::command(&self.config, &self.subjects);
        let next = format!("create it ({command}), or set create.enabled = true for the sink");
        Finding::error(format!("stream {stream} does not exist"), next)
    }

    /// What is to be said of the stream.
    fn judge(&self, info: &Info, wants: &Wants) -> Vec<Finding> {
        let stream = &self.config.stream;
        let mut found: Vec<Finding> = stream::uncovered(&info.config, &self.subjects)
            .map(|subject| {
                let next = format!("add it: nats stream edit {stream} --subjects …,{subject}");
                Finding::error(format!("does not take subject {subject}"), next)
            })
            .collect();
        found.extend(forgets(info, &self.config, wants));
        found.extend([keeping(info), filling(info), copies(info)].into_iter().flatten());
        if !found.iter().any(|finding| finding.level() > Level::Note) {
            found.insert(0, Finding::ok(described(info)));
        }
        found.into_iter().map(|finding| finding.about(&format!("stream {stream}"))).collect()
    }
}

fn described(info: &Info) -> String {
    let config = &info.config;
    let window = Span(config.duplicate_window);
    let (storage, discard) = (word(&config.storage), word(&config.discard));
    format!(
        "takes every subject, keeps in {storage}, discard {discard}, duplicate window {window}, {} replicas",
        config.num_replicas
    )
}

fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

/// What makes it forget events that it acknowledged, or take a retry for new.
fn forgets(info: &Info, own: &NatsConfig, wants: &Wants) -> Vec<Finding> {
    let config = &info.config;
    let mut found: Vec<Finding> = stream::weaknesses(config)
        .map(|(problem, remedy)| match own.accept_unsafe_stream {
            true => Finding::warning(format!("{problem} (accept_unsafe_stream = true)"), remedy),
            false => {
                Finding::error(problem, format!("{remedy}, or set accept_unsafe_stream = true for the sink"))
            }
        })
        .collect();
    let window = Span(config.duplicate_window);
    if window < wants.dedupe_window && window >= NatsConfig::SHORTEST_WINDOW {
        found.push(Finding::warning(
            format!(
                "its duplicate window of {window} is shorter than spool.dedupe_window ({})",
                wants.dedupe_window
            ),
            format!("change it (nats stream edit {} --dupe-window {})", config.name, wants.dedupe_window),
        ));
    }
    if config.max_messages_per_subject > 0 && !config.discard_new_per_subject {
        found.push(Finding::warning(
            format!(
                "it keeps {} messages a subject and throws older ones away",
                config.max_messages_per_subject
            ),
            format!("change it (nats stream edit {} --max-msgs-per-subject -1)", config.name),
        ));
    }
    if config.sealed || config.mirror.is_some() {
        found.push(Finding::error("it takes no publications (sealed, or a mirror)", "name another stream"));
    }
    found
}

/// Whether events stay long enough to be read.
fn keeping(info: &Info) -> Option<Finding> {
    let config = &info.config;
    match config.retention {
        RetentionPolicy::Interest => Some(Finding::warning(
            "its retention is by interest: what comes while no consumer is defined is thrown away",
            "make it anew with --retention limits, or see that its consumers are durable",
        )),
        _ if config.max_age > Duration::ZERO && config.max_age < Duration::from_secs(86_400) => Some(
            Finding::note(format!("keeps events for {} only", Span(config.max_age)))
                .with_next("raise max-age if consumers may be away for longer"),
        ),
        RetentionPolicy::Limits | RetentionPolicy::WorkQueue => None,
    }
}

/// Whether it is full, or soon will be.
fn filling(info: &Info) -> Option<Finding> {
    let (config, state) = (&info.config, &info.state);
    let share = |used: u64, limit: i64| {
        u64::try_from(limit).ok().filter(|limit| *limit > 0).map(|limit| used.saturating_mul(100) / limit)
    };
    let fullest = share(state.bytes, config.max_bytes).max(share(state.messages, config.max_messages))?;
    let next = format!(
        "raise its limits (nats stream edit {} --max-bytes … --max-msgs …), or purge what is read",
        config.name
    );
    match fullest {
        0..80 => None,
        80..100 => Some(Finding::warning(format!("is {fullest} % full"), next)),
        _ => Some(Finding::error("is full: nothing can be published", next)),
    }
}

/// How many servers keep it, and whether they do.
fn copies(info: &Info) -> Option<Finding> {
    let Some(cluster) = info.cluster.as_ref().filter(|cluster| cluster.name.is_some()) else {
        return Some(Finding::note("one server has the only copy of what it acknowledges"));
    };
    if cluster.leader.is_none() {
        return Some(Finding::error("has no leader: nothing can be published", "bring its servers back"));
    }
    let behind = behind(cluster);
    if !behind.is_empty() {
        let found = format!("servers that are away or behind: {}", behind.join(", "));
        return Some(Finding::warning(found, "see what is wrong with them (nats stream cluster)"));
    }
    (info.config.num_replicas < 2).then(|| {
        Finding::warning(
            "has one replica in a cluster: the loss of one server's disk loses acknowledged events",
            format!("change it (nats stream edit {} --replicas 3)", info.config.name),
        )
    })
}

fn behind(cluster: &ClusterInfo) -> Vec<&str> {
    let away = cluster.replicas.iter().filter(|peer| peer.offline || !peer.current);
    away.map(|peer| peer.name.as_str()).collect()
}

fn too_small(info: &Info, max_payload: usize, wants: &Wants) -> Option<Finding> {
    let own = u64::try_from(info.config.max_message_size).ok().filter(|size| *size > 0);
    let largest = own.unwrap_or(u64::MAX).min(max_payload as u64);
    (largest < wants.largest_event()).then(|| {
        Finding::warning(
            format!(
                "takes events up to {largest} bytes; those of the largest callbacks can have {}",
                wants.largest_event()
            ),
            "raise the server's max_payload and the stream's --max-msg-size, or lower ingress.limits.body",
        )
    })
}

/// The server's clock against this machine's.
async fn clock(context: &Context, stream: &str) -> Option<Finding> {
    let before = Timestamp::now();
    let answer: Value = context.request(format!("STREAM.INFO.{stream}"), &()).await.ok()?;
    let after = Timestamp::now();
    let theirs = Timestamp::parse_rfc3339(answer["ts"].as_str()?)?;
    let middle = Timestamp::from_millis(before.as_millis() + after.millis_since(before) / 2);
    Some(drift(theirs.millis_since(middle), after.millis_since(before)))
}

fn drift(ahead: i64, took: i64) -> Finding {
    let which = if ahead < 0 { "behind" } else { "ahead of" };
    let by = Span::from_millis(ahead.unsigned_abs());
    let found = format!("the server's clock is {by} {which} this machine's");
    // The answer came somewhere in between.
    match ahead.abs().saturating_sub(took) {
        apart if apart <= DRIFT => Finding::ok(found),
        apart if apart <= WRONG => Finding::note(found),
        _ => Finding::warning(found, "see which of the two is wrong, and have both follow NTP"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn info(change: impl FnOnce(&mut Value)) -> Info {
        let mut info = json!({
            "config": {
                "name": "S", "subjects": ["plivo.10dlc.>"], "retention": "limits", "max_consumers": -1, "max_msgs": -1,
                "max_bytes": -1, "max_age": 0, "max_msgs_per_subject": -1, "max_msg_size": -1, "discard": "new",
                "storage": "file", "num_replicas": 1, "duplicate_window": 600_000_000_000_u64, "sealed": false,
                "allow_direct": false, "mirror_direct": false, "allow_rollup_hdrs": false, "deny_delete": false,
                "deny_purge": false, "discard_new_per_subject": false
            },
            "created": "2026-01-01T00:00:00Z",
            "state": {
                "messages": 10, "bytes": 900, "first_seq": 1, "first_ts": "2026-01-01T00:00:00Z", "last_seq": 10,
                "last_ts": "2026-01-01T00:00:00Z", "consumer_count": 0
            }
        });
        change(&mut info);
        serde_json::from_value(info).unwrap()
    }

    fn judged(own: &NatsConfig, info: &Info, wants: &Wants) -> (Level, String) {
        let own =
            NatsConfig { servers: vec!["nats://n:4222".to_owned()], stream: "S".to_owned(), ..own.clone() };
        let sink = NatsSink::new("nats", &own, 8, vec!["plivo.10dlc.brand".into()]).unwrap();
        let mut found = sink.judge(info, wants);
        found.extend(too_small(info, 1_000_000, wants));
        let texts: Vec<&str> = found.iter().map(Finding::found).collect();
        (found.iter().map(Finding::level).max().unwrap(), texts.join("; "))
    }

    #[test]
    fn every_weakness_is_told() {
        type Case = (&'static str, fn(&mut Value), Level, &'static str);
        let cases: [Case; 12] = [
            (
                "good",
                |_| {},
                Level::Note,
                "stream S: takes every subject, keeps in file, discard new, duplicate window 10m",
            ),
            (
                "subjects",
                |info| info["config"]["subjects"] = json!(["other"]),
                Level::Error,
                "plivo.10dlc.brand",
            ),
            ("memory", |info| info["config"]["storage"] = json!("memory"), Level::Error, "memory"),
            ("discard", |info| info["config"]["discard"] = json!("old"), Level::Error, "discard: old"),
            (
                "window",
                |info| info["config"]["duplicate_window"] = json!(5_000_000_000_u64),
                Level::Error,
                "less than 10 minutes",
            ),
            ("interest", |info| info["config"]["retention"] = json!("interest"), Level::Warning, "interest"),
            (
                "subject",
                |info| info["config"]["max_msgs_per_subject"] = json!(5),
                Level::Warning,
                "5 messages a subject",
            ),
            ("filling", |info| info["config"]["max_bytes"] = json!(1_000), Level::Warning, "90 % full"),
            ("full", |info| info["config"]["max_msgs"] = json!(10), Level::Error, "is full"),
            ("small", |info| info["config"]["max_msg_size"] = json!(100), Level::Warning, "up to 100 bytes"),
            ("sealed", |info| info["config"]["sealed"] = json!(true), Level::Error, "sealed"),
            (
                "age",
                |info| info["config"]["max_age"] = json!(3_600_000_000_000_u64),
                Level::Note,
                "for 1h only",
            ),
        ];
        for (name, change, level, part) in cases {
            let judged = judged(&NatsConfig::default(), &info(change), &Wants::default());
            assert!(judged.0 == level && judged.1.contains(part), "{name}: {judged:?}");
        }
    }

    #[test]
    fn a_window_shorter_than_the_spools_is_told_and_an_accepted_weakness_is_a_warning() {
        let long = Wants { dedupe_window: Span::from_secs(3_600), ..Wants::default() };
        let (level, text) = judged(&NatsConfig::default(), &info(|_| {}), &long);
        assert!(level == Level::Warning && text.contains("10m") && text.contains("1h"), "{text}");
        let accepted = NatsConfig { accept_unsafe_stream: true, ..NatsConfig::default() };
        let memory = info(|info| info["config"]["storage"] = json!("memory"));
        assert_eq!(judged(&accepted, &memory, &Wants::default()).0, Level::Warning);
    }

    #[test]
    fn a_cluster_has_to_keep_copies() {
        let with = |cluster: Value, replicas: u64| {
            let info = info(|info| {
                info["cluster"] = cluster;
                info["config"]["num_replicas"] = json!(replicas);
            });
            judged(&NatsConfig::default(), &info, &Wants::default())
        };
        let peer = |current: bool| json!([{ "name": "n2", "current": current, "active": 1 }]);
        assert_eq!(with(json!({ "name": "C", "leader": "n1" }), 1).0, Level::Warning);
        assert_eq!(with(json!({ "name": "C", "leader": "n1", "replicas": peer(true) }), 2).0, Level::Ok);
        let behind = with(json!({ "name": "C", "leader": "n1", "replicas": peer(false) }), 2);
        assert!(behind.0 == Level::Warning && behind.1.contains("n2"), "{behind:?}");
        assert_eq!(with(json!({ "name": "C" }), 3).0, Level::Error);
    }

    #[test]
    fn clocks_may_differ_by_what_the_question_took() {
        for (ahead, took, level) in [
            (3, 1, Level::Ok),
            (-900, 2, Level::Ok),
            (5_000, 4_500, Level::Ok),
            (-5_000, 2, Level::Note),
            (60_000, 2, Level::Warning),
        ] {
            assert_eq!(drift(ahead, took).level(), level, "{ahead} {took}");
        }
        assert!(drift(-5_000, 2).found().contains("5s behind"));
    }
}
