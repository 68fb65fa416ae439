//! What happens to each request, and when.
//!
//! A request owes `created` after a while, and later how it ended. Pure: the clock is given, and time is counted
//! from the start of the simulator. [`super::clock`] turns it.

mod outcome;
mod schedule;

use std::sync::Arc;
use std::time::Duration;

pub use outcome::{Outcomes, OutcomesError};
pub use schedule::Schedule;

use super::notice::Account;
use super::world::{CallbackTo, Subject};

/// How long each step takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delays {
    /// From a request to its `created`.
    pub created: Duration,
    /// From `created` to a brand's end.
    pub brand: Duration,
    /// From `created` to a campaign's end.
    pub campaign: Duration,
    /// From `created` to the end of a link or unlink.
    pub number: Duration,
}

impl Delays {
    /// What the simulator takes unless told: seconds, where Plivo takes minutes to days.
    pub const DEFAULT: Delays = Delays {
        created: Duration::from_secs(1),
        brand: Duration::from_secs(10),
        campaign: Duration::from_secs(20),
        number: Duration::from_secs(5),
    };

    /// All of them times `scale`, which is not negative.
    pub fn scaled(self, scale: f64) -> Delays {
        let scaled =
            |delay: Duration| Duration::try_from_secs_f64(delay.as_secs_f64() * scale).unwrap_or(delay);
        Delays {
            created: scaled(self.created),
            brand: scaled(self.brand),
            campaign: scaled(self.campaign),
            number: scaled(self.number),
        }
    }

    fn of(&self, subject: &Subject) -> Duration {
        match subject {
            Subject::Brand { .. } => self.brand,
            Subject::Campaign { .. } => self.campaign,
            Subject::Link { .. } | Subject::Unlink { .. } => self.number,
        }
    }
}

/// Which of a request's steps it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// That it was taken.
    Begun,
    /// That it ended.
    Ended,
}

/// One step of one request.
#[derive(Debug, Clone)]
pub struct Step {
    /// Whose request.
    pub account: Arc<Account>,
    /// What it is about.
    pub subject: Subject,
    /// Which step.
    pub stage: Stage,
    /// Who is told.
    pub to: Option<CallbackTo>,
    /// The request's number: tells two requests for one thing apart.
    pub turn: u64,
}

/// A request that was taken, to be put on the schedule.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Whose request.
    pub account: Arc<Account>,
    /// What it is about.
    pub subject: Subject,
    /// Who is told.
    pub to: Option<CallbackTo>,
    /// A campaign that is submitted again was created long ago.
    pub again: bool,
    /// Its number, in the order in which requests were taken.
    pub turn: u64,
}

impl Taken {
    /// Its steps, each with how long from now.
    pub fn steps(self, delays: &Delays) -> impl Iterator<Item = (Duration, Step)> {
        let ended = delays.created.saturating_add(delays.of(&self.subject));
        let Taken { account, subject, to, again, turn } = self;
        let begun = (!again).then(|| {
            let step = Step {
                account: Arc::clone(&account),
                subject: subject.clone(),
                stage: Stage::Begun,
                to: to.clone(),
                turn,
            };
            (delays.created, step)
        });
        begun.into_iter().chain([(ended, Step { account, subject, stage: Stage::Ended, to, turn })])
    }
}
