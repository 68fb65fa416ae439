//! The delivery of one event: reported by librdkafka's thread, awaited by whoever handed the event over.

use std::future::poll_fn;
use std::sync::OnceLock;
use std::task::Poll;

use futures_util::task::AtomicWaker;
use rdkafka::error::RDKafkaErrorCode;

/// What librdkafka reports of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Report {
    /// The broker answered where it stored the event.
    Stored,
    /// librdkafka takes the event for stored without such an answer: a later batch was, and it concludes from that that
    /// the earlier one was, too. The conclusion is wrong where a partition does not know the producer yet (a new topic,
    /// a new leader that had expired it): it takes the later batch without having the earlier one, and the events of
    /// the earlier one are lost. See confluentinc/confluent-kafka-go#921.
    Concluded,
    /// It was not delivered, or nobody knows.
    Failed(RDKafkaErrorCode),
}

/// One allocation that both sides share, since every event needs it.
#[derive(Default)]
pub(super) struct Delivery {
    report: OnceLock<Report>,
    waiting: AtomicWaker,
}

impl Delivery {
    /// Says what became of the event; librdkafka does so once.
    pub(super) fn report(&self, report: Report) {
        if self.report.set(report).is_ok() {
            self.waiting.wake();
        }
    }

    /// Waits for the report. One at a time may wait.
    pub(super) async fn reported(&self) -> Report {
        poll_fn(|context| {
            // Registered before the look, so that no report is missed.
            self.waiting.register(context.waker());
            self.report.get().map_or(Poll::Pending, |report| Poll::Ready(*report))
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn a_report_reaches_who_waits_and_who_comes_later() {
        let delivery = Arc::new(Delivery::default());
        let waiting = tokio::spawn({
            let delivery = Arc::clone(&delivery);
            async move { delivery.reported().await }
        });
        tokio::task::yield_now().await;
        let refused = Report::Failed(RDKafkaErrorCode::MessageSizeTooLarge);
        std::thread::spawn({
            let delivery = Arc::clone(&delivery);
            move || delivery.report(refused)
        });
        assert_eq!(waiting.await.unwrap(), refused);
        delivery.report(Report::Stored);
        assert_eq!(delivery.reported().await, refused);
    }
}
