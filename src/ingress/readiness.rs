//! Readiness asks one thing: can this process make a callback durable now?

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use crate::callback::Accounts;

/// Answers whether one thing is as it should be, or what is wrong with it. Called for every probe: it must not wait.
type Probe = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What `/readyz` asks. Clones share it. A broker is deliberately not among it: a relay that is taken out of the load
/// balancer because Kafka is down loses callbacks.
#[derive(Clone)]
pub struct Readiness {
    probes: Arc<Vec<(&'static str, Probe)>>,
    draining: Arc<AtomicBool>,
}

/// The state of every check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReadinessReport {
    /// All checks are good.
    pub ready: bool,
    /// Each check.
    pub checks: Vec<Check>,
}

/// The state of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What is checked.
    pub name: &'static str,
    /// Whether it is good.
    pub ok: bool,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Readiness {
    /// Ready when accounts are loaded (or `unverified` says that none is needed), the spool is writable, and the
    /// drain has not begun. `spool` answers what keeps it from being written.
    pub fn new(
        accounts: Accounts,
        unverified: bool,
        spool: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        let tokens = move || {
            if unverified || !accounts.load().is_empty() {
                return Ok(());
            }
            Err("no account is loaded; configure one with its auth id and token".to_owned())
        };
        let probes: Vec<(&'static str, Probe)> =
            vec![("spool", Box::new(spool)), ("accounts", Box::new(tokens))];
        Readiness { probes: Arc::new(probes), draining: Arc::default() }
    }

    /// From now on not ready, for good.
    pub fn begin_drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whether the drain has begun.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Asks every check.
    pub fn report(&self) -> ReadinessReport {
        let draining = if self.is_draining() { Err("the relay is draining".to_owned()) } else { Ok(()) };
        let mut checks: Vec<Check> = self.probes.iter().map(|(name, probe)| check(name, probe())).collect();
        checks.push(check("not_draining", draining));
        ReadinessReport { ready: checks.iter().all(|check| check.ok), checks }
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readiness").field("draining", &self.is_draining()).finish_non_exhaustive()
    }
}

fn check(name: &'static str, answer: Result<(), String>) -> Check {
    Check { name, ok: answer.is_ok(), reason: answer.err() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callback::{Account, Keyring};

    fn accounts() -> Accounts {
        let account = Account::new("acme", "MA1", ["token"], []).unwrap();
        Accounts::new(Keyring::new([account]).unwrap())
    }

    #[test]
    fn every_check_can_make_it_unready_and_says_why() {
        assert!(Readiness::new(accounts(), false, || Ok(())).report().ready);

        let spool = Readiness::new(accounts(), false, || Err("disk full".to_owned())).report();
        assert!(!spool.ready);
        assert_eq!(spool.checks[0].reason.as_deref(), Some("disk full"));

        assert!(!Readiness::new(Accounts::default(), false, || Ok(())).report().ready);
        assert!(Readiness::new(Accounts::default(), true, || Ok(())).report().ready);
    }

    #[test]
    fn a_drain_is_seen_by_every_clone_at_once() {
        let readiness = Readiness::new(accounts(), false, || Ok(()));
        let clone = readiness.clone();
        readiness.begin_drain();
        let report = clone.report();
        assert!(!report.ready);
        assert_eq!(report.checks.iter().filter(|check| !check.ok).count(), 1);
    }
}
