//! A closer look at a Kafka cluster than a check takes, which changes nothing: does each topic keep what it acknowledges?

use std::collections::HashMap;
use std::sync::Arc;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, OwnedResourceSpecifier, ResourceSpecifier};

use super::KafkaSink;
use super::check::{self, unreachable};
use super::classify::grant;
use super::client::Client;
use super::config::{KafkaConfig, Mechanism};
use super::context::Context;
use super::look::{PATIENCE, Partition, Seen, Topic, look_up};
use crate::finding::{Finding, Level};
use crate::sink::error::{CheckError, Code, one_line};
use crate::sink::examine::{Wants, together, when_unreachable};

/// What every event is sent with; it cannot be configured.
const ALL: &str = "acks = all";

impl KafkaSink {
    /// What the cluster is like, and what may become of events there. Makes no topic.
    pub(in crate::sink) async fn examine(&self, wants: &Wants) -> Vec<Finding> {
        self.look_closely(wants).await.unwrap_or_else(|error| vec![when_unreachable(&error)])
    }

    async fn look_closely(&self, wants: &Wants) -> Result<Vec<Finding>, CheckError> {
        let own = self.clients.config();
        let mut config = self.clients.configured()?;
        // A cluster may make the topics that a producer asks for.
        config.set("allow.auto.create.topics", "false");
        let context = self.clients.context();
        let client = Client::new(&config, context.clone()).map_err(|error| {
            CheckError::blocking(Code::Credentials, format!("the kafka client cannot be made: {error}"))
        })?;
        let client = Arc::new(client);
        let found = self.seen(&client).await;
        let found = match found {
            Ok(seen) => Ok(judge_all(&seen, &settings(&config, context, own, &seen).await, own, wants)),
            Err(error) => Err(check::explain(error, &client, own).await),
        };
        client.retire();
        found
    }

    async fn seen(&self, client: &Arc<Client>) -> Result<Vec<Seen>, CheckError> {
        let (client, topics) = (Arc::clone(client), self.topics.clone());
        let seen = tokio::task::spawn_blocking(move || look_up(&client, &topics)).await;
        let seen =
            seen.map_err(|_| CheckError::blocking(Code::Other, "the look at kafka was interrupted"))?;
        seen.map_err(|error| unreachable(&error))
    }
}

/// What is set for a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Settings {
    min_in_sync: usize,
    /// A replica that is behind may become the leader.
    unclean: bool,
    compacted: bool,
    /// `None` is for ever.
    retention_ms: Option<u64>,
    largest: u64,
}

impl Settings {
    fn read(found: &ConfigResource) -> Option<Self> {
        let value = |name: &str| found.get(name)?.value.as_deref();
        Some(Settings {
            min_in_sync: value("min.insync.replicas")?.parse().ok()?,
            unclean: value("unclean.leader.election.enable") == Some("true"),
            compacted: value("cleanup.policy").is_some_and(|policy| policy.contains("compact")),
            retention_ms: value("retention.ms").and_then(|ms| ms.parse().ok()),
            largest: value("max.message.bytes").and_then(|bytes| bytes.parse().ok()).unwrap_or(u64::MAX),
        })
    }
}

/// The settings of the topics that there are, or why they cannot be known.
async fn settings(
    config: &ClientConfig,
    context: Context,
    own: &KafkaConfig,
    seen: &[Seen],
) -> Result<HashMap<String, Settings>, String> {
    if own.sasl.as_ref().is_some_and(|sasl| sasl.mechanism == Mechanism::OauthBearer) {
        return Err("the client library fetches no OAUTHBEARER token for such questions".to_owned());
    }
    let wanted: Vec<ResourceSpecifier<'_>> = seen
        .iter()
        .filter(|seen| seen.state == Topic::Ready)
        .map(|seen| ResourceSpecifier::Topic(&seen.topic))
        .collect();
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let admin: AdminClient<Context> =
        config.create_with_context(context).map_err(|error| format!("kafka client: {error}"))?;
    let options = AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE));
    let answers = admin.describe_configs(&wanted, &options).await;
    // Ending an admin client waits for its thread.
    tokio::task::spawn_blocking(move || drop(admin));
    let mut settings = HashMap::new();
    for answer in answers.map_err(|error| one_line(&error.to_string()))? {
        let found = answer.map_err(|code| one_line(&code.to_string()))?;
        if let (OwnedResourceSpecifier::Topic(topic), Some(read)) = (&found.specifier, Settings::read(&found))
        {
            settings.insert(topic.clone(), read);
        }
    }
    Ok(settings)
}

fn judge_all(
    seen: &[Seen],
    settings: &Result<HashMap<String, Settings>, String>,
    own: &KafkaConfig,
    wants: &Wants,
) -> Vec<Finding> {
    let mut found = Vec::new();
    for seen in seen {
        let settings = settings.as_ref().ok().and_then(|known| known.get(&*seen.topic));
        found.extend(judge(seen, settings, own, wants).into_iter().map(|it| (Arc::clone(&seen.topic), it)));
    }
    let mut found = together("topic", found);
    if let Err(why) = settings {
        found.push(
            Finding::note(format!("min.insync.replicas cannot be known from here: {why}")).with_next(
                "look yourself: kafka-configs.sh --bootstrap-server … --describe --all --topic …, or allow DescribeConfigs",
            ),
        );
    }
    if seen.is_empty() {
        found.push(Finding::note(
            "the cluster answers; the topics' names depend on accounts, so that none was looked at",
        ));
    }
    found
}

/// What is to be said of one topic, without its name.
fn judge(seen: &Seen, settings: Option<&Settings>, own: &KafkaConfig, wants: &Wants) -> Vec<Finding> {
    match seen.state {
        Topic::Ready => {}
        Topic::Missing if own.create.enabled => {
            return vec![Finding::note("does not exist yet: the relay makes it when it starts")];
        }
        Topic::Missing => return vec![missing(own)],
        Topic::Forbidden => {
            let principal = own.principal();
            return vec![Finding::error(format!("is not shown to {principal}"), grant("…", &principal))];
        }
    }
    let mut found: Vec<Finding> = [
        replication(seen, settings),
        in_sync(seen, settings),
        leader(seen),
        settings.and_then(|settings| keeping(settings, wants)),
        settings.filter(|settings| settings.unclean).map(|_| unclean()),
        settings.filter(|settings| settings.largest < wants.largest_event()).map(|it| too_small(it, wants)),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !found.iter().any(|finding| finding.level() > Level::Note) {
        found.insert(0, Finding::ok(described(seen, settings)));
    }
    found
}

fn described(seen: &Seen, settings: Option<&Settings>) -> String {
    let (partitions, replicas) = (seen.partitions.len(), fewest_replicas(seen));
    match settings {
        Some(Settings { min_in_sync, .. }) => format!(
            "{partitions} partitions, {replicas} replicas, min.insync.replicas {min_in_sync} with {ALL}"
        ),
        None => format!("{partitions} partitions, {replicas} replicas, {ALL}"),
    }
}

fn missing(own: &KafkaConfig) -> Finding {
    let server = own.servers.first().map_or("…", String::as_str);
    Finding::error(
        "does not exist",
        format!(
            "create it (kafka-topics.sh --bootstrap-server {server} --create --topic …), or set create.enabled = true \
             for the sink"
        ),
    )
}

fn fewest_replicas(seen: &Seen) -> usize {
    seen.partitions.iter().map(|partition| partition.replicas).min().unwrap_or_default()
}

/// How many copies there are of what is acknowledged.
fn replication(seen: &Seen, settings: Option<&Settings>) -> Option<Finding> {
    let replicas = fewest_replicas(seen);
    let min_in_sync = settings.map(|settings| settings.min_in_sync);
    let set = "kafka-configs.sh --bootstrap-server … --alter --topic … --add-config min.insync.replicas=2";
    match (replicas, min_in_sync) {
        (_, Some(wanted)) if wanted > replicas => Some(Finding::error(
            format!("min.insync.replicas is {wanted} with {replicas} replicas: nothing can be published"),
            format!("lower it to {} (--add-config min.insync.replicas=…), or add replicas", replicas.saturating_sub(1).max(1)),
        )),
        (0 | 1, _) if seen.brokers <= 1 => {
            Some(Finding::note("one broker has the only copy of what it acknowledges"))
        }
        (0 | 1, _) => Some(Finding::warning(
            "has one replica: the loss of one broker's disk loses acknowledged events",
            "raise the replication factor to 3 (kafka-reassign-partitions.sh) and min.insync.replicas to 2",
        )),
        (_, Some(1)) => Some(Finding::warning(
            format!("min.insync.replicas is 1: {ALL} then means one broker alone, whose loss loses acknowledged events"),
            format!("raise it: {set}"),
        )),
        (_, Some(wanted)) if wanted == replicas => Some(
            Finding::note(format!(
                "min.insync.replicas is {wanted} with {replicas} replicas: while one broker is away, nothing is published"
            ))
            .with_next("add a replica, so that a broker may be away"),
        ),
        _ => None,
    }
}

/// Whether enough replicas keep up at this moment.
fn in_sync(seen: &Seen, settings: Option<&Settings>) -> Option<Finding> {
    let fewest = seen.partitions.iter().map(|partition| partition.in_sync).min()?;
    let wanted = settings.map_or(1, |settings| settings.min_in_sync);
    if fewest < wanted && wanted <= fewest_replicas(seen) {
        return Some(Finding::error(
            format!(
                "a partition has {fewest} replicas in sync and needs {wanted}: nothing can be published there"
            ),
            "bring the brokers back that keep it (kafka-topics.sh --describe --under-min-isr-partitions)",
        ));
    }
    let behind = seen.partitions.iter().filter(|partition| partition.in_sync < partition.replicas).count();
    (behind > 0).then(|| {
        Finding::warning(
            format!("{behind} partitions have replicas that are not in sync"),
            "see which brokers are away or slow (kafka-topics.sh --describe --under-replicated-partitions)",
        )
    })
}

fn leader(seen: &Seen) -> Option<Finding> {
    let has_none = |partition: &&Partition| !partition.has_leader;
    let without = seen.partitions.iter().filter(has_none).count();
    (without > 0).then(|| {
        Finding::error(
            format!("{without} partitions have no leader: nothing can be published there"),
            "bring the brokers back that keep them (kafka-topics.sh --describe --unavailable-partitions)",
        )
    })
}

/// Whether events stay long enough to be read.
fn keeping(settings: &Settings, wants: &Wants) -> Option<Finding> {
    if settings.compacted {
        return Some(Finding::warning(
            "is compacted: of each brand, campaign or number only the latest event stays",
            "set cleanup.policy=delete, unless the latest status alone is wanted",
        ));
    }
    let ms = settings.retention_ms?;
    (ms < wants.dedupe_window.as_millis().max(86_400_000)).then(|| {
        Finding::note(format!("keeps events for {} only", crate::units::Span::from_millis(ms)))
            .with_next("raise retention.ms if consumers may be away for longer")
    })
}

fn unclean() -> Finding {
    Finding::warning(
        "unclean.leader.election.enable is true: a replica that missed acknowledged events may become the leader",
        "set it to false for the topic",
    )
}

fn too_small(settings: &Settings, wants: &Wants) -> Finding {
    Finding::warning(
        format!(
            "takes events up to {} bytes; those of the largest callbacks can have {}",
            settings.largest,
            wants.largest_event()
        ),
        "raise max.message.bytes (and properties.\"message.max.bytes\" of the sink), or lower ingress.limits.body",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(replicas: usize, in_sync: usize, brokers: usize) -> Seen {
        let partition = Partition { replicas, in_sync, has_leader: true };
        Seen { topic: "t".into(), state: Topic::Ready, partitions: vec![partition; 3], brokers }
    }

    fn settings(min_in_sync: usize) -> Settings {
        let largest = 1_000_000;
        Settings { min_in_sync, unclean: false, compacted: false, retention_ms: None, largest }
    }

    fn judged(seen: &Seen, settings: &Settings) -> (Level, String) {
        let found = judge(seen, Some(settings), &KafkaConfig::default(), &Wants::default());
        let texts: Vec<&str> = found.iter().map(Finding::found).collect();
        (found.iter().map(Finding::level).max().unwrap(), texts.join("; "))
    }

    #[test]
    fn copies_are_held_against_what_acks_promises() {
        for (replicas, in_sync, brokers, min, level, part) in [
            (3, 3, 3, 2, Level::Ok, "3 partitions, 3 replicas, min.insync.replicas 2"),
            (3, 3, 3, 1, Level::Warning, "one broker alone"),
            (1, 1, 3, 1, Level::Warning, "one replica"),
            (1, 1, 1, 1, Level::Note, "the only copy"),
            (2, 2, 3, 2, Level::Note, "while one broker is away"),
            (1, 1, 1, 2, Level::Error, "nothing can be published"),
            (3, 1, 3, 2, Level::Error, "1 replicas in sync and needs 2"),
            (3, 2, 3, 2, Level::Warning, "not in sync"),
        ] {
            let judged = judged(&seen(replicas, in_sync, brokers), &settings(min));
            assert!(judged.0 == level && judged.1.contains(part), "{replicas} {in_sync} {min}: {judged:?}");
        }
    }

    #[test]
    fn what_a_topic_forgets_or_refuses_is_told() {
        let good = seen(3, 3, 3);
        let compacted = Settings { compacted: true, ..settings(2) };
        assert!(judged(&good, &compacted).1.contains("compacted"));
        let short = Settings { retention_ms: Some(3_600_000), ..settings(2) };
        assert_eq!(judged(&good, &short).0, Level::Note);
        assert!(judged(&good, &short).1.contains("1h"));
        let unclean = Settings { unclean: true, ..settings(2) };
        assert_eq!(judged(&good, &unclean).0, Level::Warning);
        let small = Settings { largest: 1_000, ..settings(2) };
        assert!(judged(&good, &small).1.contains("1000 bytes"));
        let mut headless = good;
        headless.partitions[1].has_leader = false;
        assert_eq!(judged(&headless, &settings(2)).0, Level::Error);
    }

    #[test]
    fn a_topic_that_the_relay_will_make_is_no_problem() {
        let absent = Seen { state: Topic::Missing, partitions: Vec::new(), ..seen(0, 0, 1) };
        let mut own = KafkaConfig::default();
        let level = |own: &KafkaConfig| judge(&absent, None, own, &Wants::default())[0].level();
        assert_eq!(level(&own), Level::Error);
        own.create.enabled = true;
        assert_eq!(level(&own), Level::Note);
    }
}
