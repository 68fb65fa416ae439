//! Tokens are rotated and tenants added without a restart: every file that holds accounts is read again.
//!
//! All of it is read each time and compared by content: names, times and inodes say nothing when Kubernetes swaps a
//! symlink. What cannot be read or used leaves the accounts in force.

use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::accounts::{Changes, LoadedAccounts};
use super::problem::{Problem, Problems};
use super::{Sources, compose};
use crate::callback::{Accounts, Keyring};
use crate::ingress::IngressConfig;
use crate::metrics::Metrics;

/// How often the files are read.
const EVERY: Duration = Duration::from_secs(10);

/// A failure that lasts is said again after so many rounds: five minutes.
const REPEAT: u32 = 30;

/// The accounts in force and where they came from.
#[derive(Debug)]
pub struct AccountsWatch {
    sources: Sources,
    current: LoadedAccounts,
    /// Routes decide how many HMACs a callback may cost.
    ingress: IngressConfig,
}

/// New accounts.
#[derive(Debug)]
pub struct Reload {
    /// Their keys.
    pub keyring: Keyring,
    /// What is new.
    pub changes: Changes,
}

impl AccountsWatch {
    pub(super) fn new(sources: Sources, current: LoadedAccounts, ingress: IngressConfig) -> Self {
        AccountsWatch { sources, current, ingress }
    }

    /// Reads the accounts again. `None` when nothing has changed.
    ///
    /// # Errors
    /// What cannot be read or used; the accounts in force stay.
    pub fn check(&mut self) -> Result<Option<Reload>, Problems> {
        let mut problems = Problems::default();
        let mut layers = self.sources.read(&mut problems)?;
        problems.extend(layers.in_dir);
        let origins = layers.tree.clone();
        let read = compose::accounts(&mut layers.tree, &mut problems);
        let loaded = LoadedAccounts::resolve(read, layers.from_dir, &mut problems);
        problems.or(())?;
        if loaded == self.current {
            return Ok(None);
        }
        if loaded.lost_its_dir(&self.current) {
            let what = "holds no account any more, perhaps for want of a mount: the old accounts stay; restart to remove them all";
            return Err(
                Problem::new(compose::origin(&origins, &["accounts_dir"]), "accounts_dir", what).into()
            );
        }
        let keyring = loaded.keyring(|name| compose::origin(&origins, &["accounts", name]))?;
        compose::check_accounts(&self.ingress, &keyring, &origins)?;
        let changes = loaded.changes(&self.current);
        self.current = loaded;
        Ok(Some(Reload { keyring, changes }))
    }
}

/// Reads the accounts again every ten seconds and on SIGHUP, until cancelled.
pub async fn watch(
    mut accounts: AccountsWatch,
    mut hangup: Signal,
    in_force: Accounts,
    metrics: Metrics,
    stop: CancellationToken,
) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = Failing::default();
    loop {
        let asked = tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => false,
            _ = hangup.recv() => true,
        };
        let round = tokio::task::spawn_blocking(move || {
            let result = accounts.check();
            (accounts, result)
        });
        // Only a panic or the end of the runtime ends the round without its result.
        let Ok((back, result)) = round.await else { return };
        accounts = back;
        take_over(result, asked, &in_force, &metrics, &mut failing);
    }
}

fn take_over(
    result: Result<Option<Reload>, Problems>,
    asked: bool,
    in_force: &Accounts,
    metrics: &Metrics,
    failing: &mut Failing,
) {
    match result {
        Ok(None) => {
            // `over` first: it ends the failure.
            if failing.over() || asked {
                metrics.account_reloads.with_label_values(&["ok"]).inc();
                tracing::info!("accounts read again: nothing has changed");
            }
        }
        Ok(Some(Reload { keyring, changes })) => {
            failing.over();
            metrics.accounts.set(i64::try_from(keyring.len()).unwrap_or(i64::MAX));
            metrics.account_reloads.with_label_values(&["ok"]).inc();
            in_force.replace(keyring);
            let Changes { added, removed, changed } = changes;
            tracing::info!(?added, ?removed, ?changed, "accounts read again");
        }
        Err(problems) => {
            if failing.say(&problems) || asked {
                for problem in problems.iter() {
                    tracing::error!(%problem, "accounts cannot be read again: the old ones stay in force");
                }
            }
            metrics.account_reloads.with_label_values(&["failed"]).inc();
        }
    }
}

/// Keeps a failure that lasts from filling the log.
#[derive(Debug, Default)]
struct Failing {
    last: Option<Problems>,
    rounds: u32,
}

impl Failing {
    /// Whether this failure is to be said: it is another one, or long since it was said.
    fn say(&mut self, problems: &Problems) -> bool {
        let same = self.last.as_ref() == Some(problems);
        self.rounds = if same { self.rounds + 1 } else { 0 };
        self.last = Some(problems.clone());
        self.rounds.is_multiple_of(REPEAT)
    }

    /// Ends it. Whether there was one.
    fn over(&mut self) -> bool {
        self.last.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::super::problem::Origin;
    use super::*;
    use crate::callback::Account;

    fn keyring(name: &str) -> Keyring {
        Keyring::new([Account::new(name, "MA1", ["t"], []).unwrap()]).unwrap()
    }

    fn problems(what: &str) -> Problems {
        Problem::new(Origin::BuiltIn, "accounts", what).into()
    }

    #[test]
    fn a_failure_is_counted_and_leaves_the_old_accounts_a_success_swaps_them() {
        let (in_force, metrics) = (Accounts::new(keyring("old")), Metrics::new().unwrap());
        let mut failing = Failing::default();
        let count = |result: &str| metrics.account_reloads.with_label_values(&[result]).get();
        take_over(Err(problems("gone")), false, &in_force, &metrics, &mut failing);
        assert!(in_force.load().get("old").is_some());
        assert_eq!((count("failed"), count("ok")), (1, 0));
        let reload = Reload { keyring: keyring("new"), changes: Changes::default() };
        take_over(Ok(Some(reload)), false, &in_force, &metrics, &mut failing);
        assert!(in_force.load().get("new").is_some() && in_force.load().get("old").is_none());
        assert_eq!((count("failed"), count("ok"), metrics.accounts.get()), (1, 1, 1));
        take_over(Ok(None), false, &in_force, &metrics, &mut failing);
        assert_eq!(count("ok"), 1, "a round without news is none");
    }

    #[test]
    fn a_failure_that_lasts_is_said_at_first_when_it_changes_and_now_and_then() {
        let mut failing = Failing::default();
        let said = (0..=REPEAT).filter(|_| failing.say(&problems("gone"))).count();
        assert_eq!(said, 2);
        assert!(failing.say(&problems("broken")));
        assert!(failing.over() && !failing.over());
    }
}
