//! Against librdkafka's mock cluster, which injects errors (and, unlike a real broker, does not deduplicate).

use std::sync::Arc;

use prometheus::IntCounter;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::*;
use crate::sink::Parcel;
use crate::sink::error::Scope;
use crate::units::Span;

struct Rig {
    cluster: MockCluster<'static, DefaultProducerContext>,
    sink: KafkaSink,
    rebuilds: IntCounter,
}

impl Rig {
    async fn new() -> Self {
        Rig::with(&[]).await
    }

    async fn with(properties: &[(&str, Property)]) -> Self {
        let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("t", 3, 1).unwrap();
        let config = KafkaConfig {
            servers: vec![cluster.bootstrap_servers()],
            timeout: Span::from_secs(10),
            properties: properties.collect(),
            ..KafkaConfig::default()
        };
        let rebuilds = IntCounter::new("rebuilds", "rebuilds").unwrap();
        let sink = KafkaSink::new("k", &config, 16, vec!["t".into()], rebuilds.clone());
        sink.check().await.unwrap();
        Rig { cluster, sink, rebuilds }
    }

    fn fail(&self, errors: &[RDKafkaRespErr]) {
        self.cluster.request_errors(RDKafkaApiKey::Produce, errors);
    }

    async fn publish(&self) -> Result<Published, PublishError> {
        self.sink.publish(&publication("k")).await
    }
}

fn publication(key: &str) -> Publication {
    Publication {
        topic: "t".into(),
        topic_label: "t".into(),
        parcel: Parcel::new(key, "i", "{}"),
        content_type: "application/json",
        more_headers: Vec::new(),
        replay: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_published_when_the_cluster_says_so() {
    let rig = Rig::new().await;
    assert_eq!(rig.publish().await, Ok(Published::New));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_published_before_the_first_check() {
    let config = KafkaConfig { servers: vec!["127.0.0.1:1".to_owned()], ..KafkaConfig::default() };
    let rebuilds = IntCounter::new("rebuilds", "rebuilds").unwrap();
    let sink = KafkaSink::new("k", &config, 16, Vec::new(), rebuilds);
    let error = sink.publish(&publication("k")).await.unwrap_err();
    assert!(matches!(error, PublishError::Transient { scope: Scope::Sink, .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_fatal_error_the_client_is_built_anew_and_the_event_goes_out() {
    let rig = Rig::new().await;
    rig.publish().await.unwrap();
    rig.fail(&[RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER]);
    let error = rig.publish().await.unwrap_err();
    assert!(
        matches!(error, PublishError::Transient { code: Code::Fatal, scope: Scope::Sink, .. }),
        "{error:?}"
    );
    // Every send fails until then.
    assert!(rig.publish().await.is_err());
    rig.sink.troubled().await;
    rig.sink.check().await.unwrap();
    assert_eq!(rig.rebuilds.get(), 1);
    assert_eq!(rig.publish().await, Ok(Published::New));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_blamed_for_its_batch_is_tried_in_one_of_its_own() {
    let rig = Rig::new().await;
    let too_large = RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    rig.fail(&[too_large]);
    assert_eq!(rig.publish().await, Ok(Published::New));
    rig.fail(&[too_large, too_large]);
    let error = rig.publish().await.unwrap_err();
    assert!(matches!(error, PublishError::Permanent { code: Code::TooLarge, .. }), "{error:?}");
    // The lane goes on.
    assert_eq!(rig.publish().await, Ok(Published::New));
}

/// librdkafka concludes from a later batch's success that an earlier one, which failed, was stored as well. A partition
/// that does not know the producer yet takes the later one all the same: concluding so has cost others their events.
#[tokio::test(flavor = "multi_thread")]
async fn a_later_success_does_not_prove_an_earlier_event_stored() {
    let rig = Rig::with(&[("batch.num.messages", Property::Number(1))]).await;
    rig.cluster.broker_round_trip_time(1, Duration::from_millis(300)).unwrap();
    // Several under way at a time; the first is turned away.
    rig.fail(&[RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION]);
    let events = [(); 4].map(|()| publication("k"));
    let results = futures_util::future::join_all(events.iter().map(|event| rig.sink.publish(event))).await;
    let unproven = |result: &Result<_, PublishError>| {
        matches!(result, Err(PublishError::Transient { code: Code::Unconfirmed, scope: Scope::Record, .. }))
    };
    assert!(results.iter().all(|result| result.is_ok() || unproven(result)), "{results:?}");
    assert_eq!(results.iter().filter(|result| unproven(result)).count(), 1, "{results:?}");
    assert_eq!(rig.publish().await, Ok(Published::New));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_larger_than_the_client_takes_is_this_events_fault_alone() {
    let rig = Rig::new().await;
    let large = Publication { parcel: Parcel::new("k", "i", &"x".repeat(2_000_000)), ..publication("k") };
    let error = rig.sink.publish(&large).await.unwrap_err();
    assert!(matches!(error, PublishError::Permanent { code: Code::TooLarge, .. }), "{error:?}");
    assert_eq!(rig.publish().await, Ok(Published::New));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_may_not_be_written_is_never_dropped() {
    let rig = Rig::new().await;
    rig.fail(&[RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED]);
    let error = rig.publish().await.unwrap_err();
    assert!(
        matches!(&error, PublishError::Transient { code: Code::Authorization, scope: Scope::Topic, .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("User:ANONYMOUS"), "{error}");
    // The client remembers the refusal until it has asked about the topic again.
    let granted = async {
        while rig.publish().await.is_err() {
            rig.sink.check().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(20), granted).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_many_events_miss_is_made_by_the_first_of_them() {
    let rig = Rig::new().await;
    let [one, other]: [Arc<str>; 2] = ["one".into(), "other".into()];
    assert!(rig.sink.is_missed_first(&one) && rig.sink.is_missed_first(&other));
    assert!(!rig.sink.is_missed_first(&one) && !rig.sink.is_missed_first(&other));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_waits_out_a_broker_that_is_down() {
    let rig = Rig::new().await;
    rig.publish().await.unwrap();
    rig.cluster.broker_down(1).unwrap();
    let publication = publication("k");
    let mut waiting = std::pin::pin!(rig.sink.publish(&publication));
    tokio::select! {
        early = &mut waiting => panic!("{early:?}"),
        () = rig.sink.troubled() => {}
    }
    rig.cluster.broker_up(1).unwrap();
    assert_eq!(waiting.await, Ok(Published::New));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_built_anew_when_its_files_have_changed() {
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    let config = KafkaConfig {
        servers: vec!["127.0.0.1:1".to_owned()],
        tls: Some(KafkaTls { ca_file: Some(ca.clone()), ..KafkaTls::default() }),
        ..KafkaConfig::default()
    };
    let rebuilds = IntCounter::new("rebuilds", "rebuilds").unwrap();
    let clients = Clients::new("k", &config, 16, rebuilds.clone());
    let missing = clients.fresh(false).err().unwrap();
    assert_eq!((missing.kind(), missing.is_blocking()), (Code::Credentials, true));
    assert!(missing.to_string().contains("tls.ca_file"), "{missing}");
    let text = |name: &str| format!("# {name}\n");
    std::fs::write(&ca, text("no certificate")).unwrap();
    assert_eq!(clients.fresh(false).err().map(|error| error.kind()), Some(Code::Credentials));
    assert_eq!(rebuilds.get(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_in_a_client_that_is_replaced_comes_back() {
    let rig = Rig::new().await;
    rig.cluster.broker_down(1).unwrap();
    let publication = publication("k");
    let mut waiting = std::pin::pin!(rig.sink.publish(&publication));
    tokio::select! {
        early = &mut waiting => panic!("{early:?}"),
        () = rig.sink.troubled() => {}
    }
    let client: Arc<Client> = rig.sink.clients.usual().unwrap();
    client.retire();
    let error = waiting.await.unwrap_err();
    assert!(matches!(error, PublishError::Transient { code: Code::Connection, .. }), "{error:?}");
}

/// librdkafka spins while events wait in its queue behind some that are sent and not answered for.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_cluster_falls_silent_steps_aside_and_is_answered_for_what_it_sent() {
    let rig = Rig::with(&[("batch.num.messages", Property::Number(5))]).await;
    rig.publish().await.unwrap();
    let silence = Duration::from_secs(10);
    rig.cluster.broker_round_trip_time(1, silence).unwrap();
    let events = [(); 20].map(|()| publication("k"));
    let publishing = futures_util::future::join_all(events.iter().map(|event| rig.sink.publish(event)));
    let tending = async {
        rig.sink.troubled().await;
        let error = rig.sink.check().await.unwrap_err();
        assert!(error.is_blocking(), "{error}");
        assert_eq!(rig.rebuilds.get(), 1);
    };
    let (results, ()) = tokio::join!(publishing, tending);
    let replaced = |result: &Result<_, PublishError>| {
        matches!(result, Err(PublishError::Transient { code: Code::Connection, scope: Scope::Sink, .. }))
    };
    assert!(results.iter().all(|result| result.is_ok() || replaced(result)), "{results:?}");
    let sent = results.iter().filter(|result| result.is_ok()).count();
    assert!((5..20).contains(&sent), "{sent} were sent, the others never: {results:?}");
    rig.cluster.broker_round_trip_time(1, Duration::ZERO).unwrap();
    let heard = async { while rig.sink.check().await.is_err() {} };
    tokio::time::timeout(Duration::from_secs(60), heard).await.unwrap();
    assert_eq!(rig.publish().await, Ok(Published::New));
    assert_eq!(rig.rebuilds.get(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reason_is_told_at_every_check_although_the_client_tells_it_once() {
    let config = KafkaConfig { servers: vec!["127.0.0.1:1".to_owned()], ..KafkaConfig::default() };
    let rebuilds = IntCounter::new("rebuilds", "rebuilds").unwrap();
    let sink = KafkaSink::new("k", &config, 16, vec!["t".into()], rebuilds);
    for _ in 0..2 {
        let error = sink.check().await.unwrap_err();
        assert!(error.to_string().contains("refused"), "{error}");
    }
}
