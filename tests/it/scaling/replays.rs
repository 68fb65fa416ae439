//! What a replica cannot know of another one's past, and the balancer's rule by which it need not.

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::faults::report::say;
use crate::support::balancer::{Balancer, Rule};
use crate::support::brokers;
use crate::support::callback::Callback;
use crate::support::config::{Config, fresh_prefix};
use crate::support::http::{self, Request, Response};
use crate::support::readers::{self, Delivered, topics};
use crate::support::replica::Replica;
use crate::support::wait::until;

/// Tenants, each with a path of its own: both replicas have some of them.
const TENANTS: usize = 12;

/// Two replicas over Kafka and NATS.
struct Case {
    replicas: Vec<Replica>,
    balancer: Balancer,
    kafka: String,
    nats: String,
    prefix: String,
}

impl Case {
    fn new(balancer: impl FnOnce(&[Replica]) -> Option<Balancer>) -> Option<Self> {
        let (kafka, nats, prefix) = (brokers::kafka()?, brokers::nats()?, fresh_prefix("replays"));
        let config = Config::new().spool("dedupe_window = \"1s\"");
        let config = config.kafka_sink(&kafka, &prefix, "").nats_sink(&nats, &prefix, "").text();
        let replicas: Vec<Replica> = (0..2).map(|_| Replica::new(&config)).collect();
        let balancer = balancer(&replicas)?;
        Some(Case { replicas, balancer, kafka, nats, prefix })
    }

    fn haproxy(rule: Rule) -> Option<Self> {
        Case::new(|replicas| Balancer::haproxy(rule, replicas))
    }

    fn send(&self, request: &Request) -> Response {
        http::send(self.balancer.address, request).unwrap()
    }

    /// Sends what has to be set apart.
    fn quarantined(&self, request: &Request) {
        assert_eq!(self.send(request).text("status"), "quarantined", "{request:?}");
    }

    /// Sends what has to be answered like this; the id.
    fn answered(&self, callback: &Callback, expected: &str) -> String {
        let answer = self.send(&callback.request());
        assert_eq!((answer.status, answer.text("status").as_str()), (200, expected), "{callback:?}");
        answer.text("id")
    }

    /// Lets the window pass for all that was accepted until now.
    fn outlasts_window(&self) {
        let relay = self.replicas.last().unwrap().relay();
        let other = Callback::new("campaign", "created");
        relay.accept(&other);
        until("the end of the window", || {
            (relay.send(&other.clone().signed_again()).text("status") == "accepted").then_some(())
        });
    }

    /// The brands' events on Kafka and on NATS.
    fn published(&self) -> [Vec<Delivered>; 2] {
        self.replicas.iter().for_each(|one| one.relay().drained());
        let [brand, ..] = &topics(&self.prefix)[..] else { unreachable!() };
        let on_kafka = readers::kafka(&self.kafka, std::slice::from_ref(brand));
        [on_kafka, readers::nats(&self.nats, &self.prefix, &["--subject", brand])]
    }

    fn ends(mut self) {
        self.replicas.iter_mut().for_each(Replica::stop);
    }
}

fn ids(delivered: &[Delivered]) -> Vec<&str> {
    delivered.iter().map(Delivered::id).collect()
}

fn of_tenant(tenant: usize) -> Callback {
    Callback::new("brand", "created").path(&format!("/tendlc_status/acme/t{tenant}/"))
}

/// What a thief makes of a callback that he saw, who has its signature and not the token: V2 signs neither the body nor
/// the query, and the slash at the path's end is read either way.
fn tampered(seen: &Callback) -> [Request; 2] {
    let other = seen.clone().param("reason", "tampered with");
    let mut elsewhere = other.clone().param("and", "once more").request();
    elsewhere.target = seen.path.trim_end_matches('/').to_owned();
    [other.request(), elsewhere]
}

#[test]
fn by_the_path_without_its_slash_tampering_meets_the_ledger_that_knows_the_signature() {
    let haproxy = || Case::haproxy(Rule::Path);
    let nginx = || Case::new(|replicas| Balancer::nginx(Rule::Path, replicas));
    let cases: [(&str, &dyn Fn() -> Option<Case>); 2] = [("haproxy", &haproxy), ("nginx", &nginx)];
    for (name, case) in cases {
        let Some(case) = case() else { continue };
        let mut genuine = Vec::new();
        for seen in (0..TENANTS).map(of_tenant) {
            genuine.push(case.answered(&seen, "accepted"));
            tampered(&seen).iter().for_each(|one| case.quarantined(one));
            assert_eq!(&case.answered(&seen, "duplicate"), genuine.last().unwrap());
        }
        assert!(case.replicas.iter().all(|one| one.relay().taken() > 0.0), "one of them had nothing to do");
        for delivered in case.published() {
            let mut published = ids(&delivered);
            published.sort_unstable();
            genuine.sort_unstable();
            assert_eq!(published, genuine);
        }
        say(&format!(
            "{name}, by path: of {TENANTS} captured callbacks, each tampered with twice, nothing was published"
        ));
        case.ends();
    }
}

#[test]
fn by_the_path_as_sent_a_slash_leads_tampering_to_the_other_replica() {
    let Some(case) = Case::haproxy(Rule::PathAsSent) else { return };
    let mut through = 0;
    for seen in (0..TENANTS).map(of_tenant) {
        case.answered(&seen, "accepted");
        let [same_path, other_path] = tampered(&seen);
        case.quarantined(&same_path);
        through += usize::from(case.send(&other_path).text("status") == "accepted");
    }
    assert!((1..TENANTS).contains(&through), "{through} of {TENANTS}");
    assert!(case.published().iter().all(|delivered| delivered.len() == TENANTS + through));
    say(&format!(
        "haproxy, `balance uri`: {through} of {TENANTS} forgeries got through by leaving out the slash"
    ));
    case.ends();
}

#[test]
fn in_turns_tampering_is_taken_by_the_replica_that_has_not_seen_the_signature() {
    let Some(case) = Case::haproxy(Rule::Turns) else { return };
    let seen = of_tenant(1);
    let genuine = case.answered(&seen, "accepted");
    let [other, _] = tampered(&seen);
    let forged = case.send(&other);
    assert_eq!(forged.text("status"), "accepted");
    let forged = forged.text("id");
    // Its own content, once more: each replica has bound the signature to what it saw first.
    assert_eq!(case.answered(&seen, "duplicate"), genuine);
    case.quarantined(&seen.request());
    for delivered in case.published() {
        let mut expected = vec![genuine.as_str(), &forged];
        let mut published = ids(&delivered);
        expected.sort_unstable();
        published.sort_unstable();
        assert_eq!(published, expected);
        // What a consumer can see of it.
        assert!(delivered.iter().all(|one| one.value["data"]["verification"]["covers"] == "url"));
    }
    say(
        "haproxy, in turns: a tampered replay was accepted by the other replica and published on Kafka and NATS",
    );
    case.ends();
}

#[test]
fn in_turns_the_same_callback_gets_the_same_id_from_both() {
    let Some(case) = Case::haproxy(Rule::Turns) else { return };
    let callback = of_tenant(1);
    let id = case.answered(&callback, "accepted");
    assert_eq!(case.answered(&callback.clone().signed_again(), "accepted"), id);
    let [on_kafka, on_nats] = case.published();
    assert_eq!(ids(&on_kafka), [&id, &id], "Kafka keeps what two producers sent");
    assert_eq!(ids(&on_nats), [&id]);
    say(
        "haproxy, in turns: a retry that met the other replica stands twice on Kafka, once on NATS, under one id",
    );
    case.ends();
}

#[test]
fn a_genuine_repeat_is_an_event_where_the_rule_leads_it_to_the_replica_that_counts() {
    let Some(case) = Case::haproxy(Rule::Path) else { return };
    let callback = of_tenant(1);
    let first = case.answered(&callback, "accepted");
    case.outlasts_window();
    let second = case.answered(&callback.signed_again(), "accepted");
    assert_ne!(first, second);
    for delivered in case.published() {
        assert_eq!(ids(&delivered), [&first, &second]);
        assert_eq!(delivered.iter().map(occurrence).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(delivered[1].value["data"]["transition"], "repeated");
    }
    case.ends();
}

#[test]
fn in_turns_a_genuine_repeat_gets_the_id_of_the_first_and_only_its_time_tells() {
    let Some(case) = Case::haproxy(Rule::Turns) else { return };
    let callback = of_tenant(1);
    let first = case.answered(&callback, "accepted");
    case.outlasts_window();
    assert_eq!(case.answered(&callback.signed_again(), "accepted"), first);
    let [on_kafka, on_nats] = case.published();
    assert_eq!(ids(&on_nats), [&first], "NATS drops what has the id of an event within its own window");
    assert_eq!(ids(&on_kafka), [&first, &first]);
    assert_eq!(on_kafka.iter().map(occurrence).collect::<Vec<_>>(), [0, 0]);
    let transitions: Vec<&Value> = on_kafka.iter().map(|one| &one.value["data"]["transition"]).collect();
    assert_eq!(transitions, ["first", "first"]);
    let times: Vec<OffsetDateTime> = on_kafka.iter().map(time).collect();
    assert!(times[1] - times[0] >= time::Duration::SECOND, "not a window apart: {times:?}");
    say(
        "haproxy, in turns: a genuine repeat had the first one's id, NATS dropped it, on Kafka only its time tells",
    );
    case.ends();
}

#[test]
fn what_a_lost_replica_knew_is_known_again_where_its_volume_is_adopted() {
    let Some(mut case) = Case::haproxy(Rule::Path) else { return };
    let [seen, known] = [of_tenant(1), of_tenant(1)];
    let [first, second] = [&seen, &known].map(|one| case.answered(one, "accepted"));
    let owner = case.replicas.iter().position(|one| one.relay().taken() > 0.0).unwrap();
    let mut lost = case.replicas.remove(owner);
    lost.relay().drained();
    lost.kill();
    // Its paths are the other one's now, which knows nothing of their past.
    let [tampered_before, _] = tampered(&seen);
    let forged = case.send(&tampered_before);
    assert_eq!(forged.text("status"), "accepted");
    let file = lost.home.path("lost.jsonl");
    let file = file.to_str().unwrap();
    lost.home.run(&["spool", "export", file]).ok();
    case.replicas[0].home.run(&["spool", "import", file, "--yes"]).ok();
    tampered(&known).iter().for_each(|one| case.quarantined(one));
    assert_eq!(case.answered(&known, "duplicate"), second);
    case.outlasts_window();
    let again = case.answered(&known.signed_again(), "accepted");
    let mut expected = [first, second, forged.text("id"), again];
    expected.sort_unstable();
    for delivered in case.published() {
        let mut published = ids(&delivered);
        published.sort_unstable();
        // What it had published in its last moment, and not noted any more, comes again.
        published.dedup();
        assert_eq!(published, expected);
        assert_eq!(delivered.iter().map(occurrence).sum::<u64>(), 1, "of the one that came again");
    }
    say(
        "haproxy, by path: while a replica was away a tampered replay of what it had taken was published; after its volume \
         was adopted another was not, and a genuine repeat was a new event",
    );
    case.ends();
}

fn occurrence(delivered: &Delivered) -> u64 {
    delivered.value["data"]["occurrence"].as_u64().unwrap()
}

fn time(delivered: &Delivered) -> OffsetDateTime {
    OffsetDateTime::parse(delivered.value["time"].as_str().unwrap(), &Rfc3339).unwrap()
}
