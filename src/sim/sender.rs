//! Sends notices with all that chance adds to them, and writes them up: what the commands have in common.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::task::TaskTracker;

use crate::sim::chaos::{Chaos, Look, Plan, When};
use crate::sim::courier::{Courier, Errand, Signing};
use crate::sim::ledger::{Attempt, Class, Delivery, Ledger};
use crate::sim::notice::Notice;
use crate::sim::sign::Signatures;

/// Sends notices. Clones share everything.
#[derive(Clone)]
pub struct Sender {
    courier: Courier,
    chaos: Arc<Chaos>,
    look: Arc<Look>,
    ledger: Ledger,
    beside: TaskTracker,
    alarm: Alarm,
}

/// Set off by a panic: one in a task would vanish with it.
#[derive(Clone, Default)]
struct Alarm(Arc<AtomicBool>);

/// Held by who may panic.
struct Watched<'a>(&'a Alarm);

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.0.store(true, Ordering::Relaxed);
        }
    }
}

impl Sender {
    /// One that has not sent anything.
    pub fn new(courier: Courier, chaos: Chaos, look: Look, ledger: Ledger) -> Self {
        let (chaos, look) = (Arc::new(chaos), Arc::new(look));
        Sender { courier, chaos, look, ledger, beside: TaskTracker::new(), alarm: Alarm::default() }
    }

    /// What chance may do.
    pub fn chaos(&self) -> &Chaos {
        &self.chaos
    }

    /// What pauses are multiplied with.
    pub fn time_scale(&self) -> f64 {
        self.courier.settings().time_scale
    }

    /// Sends a notice and answers what became of it. Copies that go beside it may take longer.
    pub async fn send(&self, notice: Notice, request_id: Option<&str>, reordered: bool) -> Delivery {
        let Plan { own, copies } = self.chaos.plan(&self.look, notice, request_id, reordered);
        let mut after = Vec::new();
        for (when, errand) in copies {
            match when {
                When::Before => {
                    self.deliver(&errand).await;
                }
                When::Beside => {
                    let sender = self.clone();
                    self.beside.spawn(async move { sender.deliver(&errand).await });
                }
                When::After => after.push(errand),
            }
        }
        let delivery = self.deliver(&own).await;
        let Some(answered) = delivery.delivered() else { return delivery };
        for errand in after {
            self.deliver(&with_seen(errand, answered)).await;
        }
        delivery
    }

    /// From now on no attempt begins: what waits for its next one is written down as unfinished.
    pub fn stop(&self) {
        self.courier.stop();
    }

    /// Waits for what is still under way, once nothing more is given to it.
    ///
    /// # Errors
    /// When a delivery ended in a panic, and is missing from the ledger.
    pub async fn finish(&self) -> io::Result<()> {
        self.beside.close();
        self.beside.wait().await;
        match self.alarm.0.load(Ordering::Relaxed) {
            true => Err(io::Error::other("a delivery ended in a panic (above); the ledger is not whole")),
            false => Ok(()),
        }
    }

    async fn deliver(&self, errand: &Errand) -> Delivery {
        let _watched = Watched(&self.alarm);
        let delivery = self.courier.deliver(errand).await;
        self.ledger.add(&delivery);
        delivery
    }
}

/// Signed by what the customer has seen: a retry may have had a nonce of its own.
fn with_seen(errand: Errand, answered: &Attempt) -> Errand {
    if errand.label.class() != Class::Captured {
        return errand;
    }
    let seen = Signatures {
        nonce: answered.nonce.clone(),
        v2: answered.v2.clone(),
        ma_v2: answered.ma_v2.clone(),
        v3: None,
    };
    Errand { signing: Signing::Captured(seen), ..errand }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_task_sets_off_the_alarm_and_a_cancelled_one_does_not() {
        for (panics, set_off) in [(true, true), (false, false)] {
            let alarm = Alarm::default();
            let task = tokio::spawn({
                let alarm = alarm.clone();
                async move {
                    let _watched = Watched(&alarm);
                    tokio::task::yield_now().await;
                    assert!(!panics, "on purpose");
                    std::future::pending::<()>().await;
                }
            });
            tokio::task::yield_now().await;
            if !panics {
                task.abort();
            }
            assert_eq!(task.await.unwrap_err().is_panic(), panics);
            assert_eq!(alarm.0.load(Ordering::Relaxed), set_off);
        }
    }
}
