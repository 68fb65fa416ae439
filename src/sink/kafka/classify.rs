//! What a failed delivery means for the event, its topic and the sink.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Kafka};

use crate::sink::error::{Code, PublishError};

/// The verdict on a failed delivery.
pub(super) fn verdict(error: &KafkaError, topic: &str, principal: &str) -> PublishError {
    let Some(code) = error.rdkafka_error_code() else {
        return PublishError::record(Code::Other, format!("kafka client: {error}"));
    };
    match code {
        Kafka::MessageSizeTooLarge => PublishError::permanent(
            Code::TooLarge,
            format!(
                "the event is larger than kafka takes on topic {topic}: raise max.message.bytes of the topic (and \
                 properties.\"message.max.bytes\" of the sink), then requeue the dead letter"
            ),
        ),
        Kafka::InvalidRecord => PublishError::permanent(
            Code::Refused,
            format!("kafka refuses the event on topic {topic} as invalid: see the topic's configuration"),
        ),
        Kafka::UnknownTopic | Kafka::UnknownTopicOrPartition | Kafka::UnknownPartition => {
            PublishError::topic(Code::Missing, missing_topic(topic))
        }
        Kafka::TopicAuthorizationFailed => PublishError::topic(
            Code::Authorization,
            format!(
                "kafka does not allow {principal} to write to topic {topic}: {}",
                grant(topic, principal)
            ),
        ),
        Kafka::ClusterAuthorizationFailed | Kafka::TransactionalIdAuthorizationFailed => PublishError::sink(
            Code::Authorization,
            format!(
                "kafka does not allow {principal} idempotent writes: grant IdempotentWrite on the cluster"
            ),
        ),
        Kafka::Authentication | Kafka::SaslAuthenticationFailed => {
            PublishError::sink(Code::Authentication, "kafka does not accept the credentials")
        }
        Kafka::SSL => PublishError::sink(Code::Tls, "the TLS handshake with kafka failed"),
        Kafka::MessageTimedOut | Kafka::RequestTimedOut | Kafka::OperationTimedOut => PublishError::sink(
            Code::Timeout,
            "kafka did not acknowledge in time; the event may have been stored and goes out again under its own key",
        ),
        Kafka::BrokerTransportFailure | Kafka::AllBrokersDown | Kafka::Resolve => {
            PublishError::sink(Code::Connection, "the connection to kafka broke")
        }
        Kafka::NotEnoughReplicas | Kafka::NotEnoughReplicasAfterAppend => PublishError::sink(
            Code::Unsafe,
            format!("too few in-sync replicas of topic {topic}: bring brokers back"),
        ),
        Kafka::Fatal
        | Kafka::OutOfOrderSequenceNumber
        | Kafka::InvalidProducerEpoch
        | Kafka::UnknownProducerId
        | Kafka::ProducerFenced => {
            PublishError::sink(Code::Fatal, "the kafka client met a fatal error and is built anew")
        }
        Kafka::PurgeQueue | Kafka::PurgeInflight => {
            PublishError::sink(Code::Connection, "the kafka client was replaced")
        }
        Kafka::ThrottlingQuotaExceeded | Kafka::PolicyViolation | Kafka::KafkaStorageError => {
            PublishError::topic(Code::Full, format!("kafka cannot store the event on topic {topic}: {code}"))
        }
        _ => PublishError::record(Code::Other, format!("kafka refused the event on topic {topic}: {code}")),
    }
}

/// What to do about a topic that does not exist.
pub(super) fn missing_topic(topic: &str) -> String {
    format!(
        "kafka has no topic {topic}: create it (kafka-topics.sh --bootstrap-server … --create --topic {topic}), or set \
         create.enabled = true for the sink"
    )
}

/// What to do about a topic that may not be written.
pub(super) fn grant(topic: &str, principal: &str) -> String {
    format!(
        "grant it (kafka-acls.sh --bootstrap-server … --add --allow-principal {principal} --producer --idempotent \
         --topic {topic})"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::error::Scope;

    fn of(code: Kafka) -> PublishError {
        verdict(&KafkaError::MessageProduction(code), "t", "User:u")
    }

    #[test]
    fn only_what_is_this_events_own_fault_is_permanent() {
        for code in [Kafka::MessageSizeTooLarge, Kafka::InvalidRecord] {
            assert!(matches!(of(code), PublishError::Permanent { .. }), "{code}");
        }
        for code in [
            Kafka::TopicAuthorizationFailed,
            Kafka::ClusterAuthorizationFailed,
            Kafka::SaslAuthenticationFailed,
            Kafka::UnknownTopicOrPartition,
            Kafka::MessageTimedOut,
            Kafka::OutOfOrderSequenceNumber,
            Kafka::QueueFull,
            Kafka::LeaderNotAvailable,
            Kafka::PurgeInflight,
        ] {
            assert!(matches!(of(code), PublishError::Transient { .. }), "{code}");
        }
    }

    #[test]
    fn one_topic_without_permission_does_not_stop_the_others() {
        let scope = |code| match of(code) {
            PublishError::Transient { scope, .. } => scope,
            PublishError::Permanent { .. } => panic!("permanent"),
        };
        assert_eq!(scope(Kafka::TopicAuthorizationFailed), Scope::Topic);
        assert_eq!(scope(Kafka::UnknownTopic), Scope::Topic);
        assert_eq!(scope(Kafka::ClusterAuthorizationFailed), Scope::Sink);
        assert_eq!(scope(Kafka::Fatal), Scope::Sink);
    }

    #[test]
    fn a_missing_topic_comes_with_the_command_that_makes_it() {
        assert!(of(Kafka::UnknownTopic).to_string().contains("--create --topic t"));
    }
}
