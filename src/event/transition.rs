//! How a status stands to the one before it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Status, Timestamp};

/// How a status stands to the one before it, for the same account, endpoint and entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    /// Nothing was known of the entity before.
    First,
    /// A later status than the one before.
    Advanced,
    /// The same status again.
    Repeated,
    /// An earlier status, within 460 s of a later one: a late retry.
    Regressed,
    /// An earlier status, later than that: resubmitted, or linked again.
    Restarted,
}

impl Transition {
    /// The name in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Transition::First => "first",
            Transition::Advanced => "advanced",
            Transition::Repeated => "repeated",
            Transition::Regressed => "regressed",
            Transition::Restarted => "restarted",
        }
    }

    /// How long after a later status an earlier one is still taken for a late retry: Plivo's last attempt
    /// comes up to 452 s after its first.
    pub const LATE_RETRY_MS: i64 = 460_000;

    /// How `now` stands to `previous`, both with the moment at which they were received.
    ///
    /// The order is created, then rejected or failed, then registered or success: a rejected brand is
    /// resubmitted and a failed link tried again, so the good outcome is the later of the two. A good outcome
    /// followed within the time of Plivo's retries by a bad one is therefore taken for a late retry of the
    /// bad one, since a new request would have reported `created` in between. An unknown status has no place
    /// in that order: a change to it or from it counts as an advance.
    pub fn between(previous: Option<(Status, Timestamp)>, now: (Status, Timestamp)) -> Transition {
        let Some((before, before_at)) = previous else { return Transition::First };
        let (status, at) = now;
        if before == status {
            return Transition::Repeated;
        }
        match (rank(before), rank(status)) {
            (Some(before), Some(after)) if after < before => {
                if at.millis_since(before_at) <= Self::LATE_RETRY_MS {
                    Transition::Regressed
                } else {
                    Transition::Restarted
                }
            }
            _ => Transition::Advanced,
        }
    }
}

/// The place in an entity's story; `None` where it cannot be told.
const fn rank(status: Status) -> Option<u8> {
    match status {
        Status::Created => Some(0),
        Status::Rejected | Status::Failed => Some(1),
        Status::Registered | Status::Success => Some(2),
        Status::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_within_and_beyond_the_time_of_retries() {
        use Status::{Created, Failed, Registered, Rejected, Success, Unknown};
        use Transition::{Advanced, Regressed, Repeated, Restarted};
        let cases = [
            (Created, Created, Repeated, Repeated),
            (Created, Rejected, Advanced, Advanced),
            (Created, Registered, Advanced, Advanced),
            (Created, Failed, Advanced, Advanced),
            (Created, Success, Advanced, Advanced),
            (Rejected, Rejected, Repeated, Repeated),
            (Rejected, Created, Regressed, Restarted),
            (Rejected, Registered, Advanced, Advanced),
            (Registered, Created, Regressed, Restarted),
            (Registered, Rejected, Regressed, Restarted),
            (Registered, Registered, Repeated, Repeated),
            (Failed, Created, Regressed, Restarted),
            (Failed, Failed, Repeated, Repeated),
            (Failed, Success, Advanced, Advanced),
            (Success, Created, Regressed, Restarted),
            (Success, Failed, Regressed, Restarted),
            (Success, Success, Repeated, Repeated),
            (Unknown, Created, Advanced, Advanced),
            (Registered, Unknown, Advanced, Advanced),
            (Unknown, Unknown, Repeated, Repeated),
        ];
        let start = Timestamp::from_millis(1_000_000);
        let at = |millis: i64| Timestamp::from_millis(1_000_000 + millis);
        for (before, after, within, beyond) in cases {
            let transition = |millis| Transition::between(Some((before, start)), (after, at(millis)));
            assert_eq!(transition(0), within, "{before} → {after} at once");
            assert_eq!(transition(460_000), within, "{before} → {after} after 460 s");
            assert_eq!(transition(460_001), beyond, "{before} → {after} after more");
        }
    }

    #[test]
    fn nothing_before_is_first() {
        let now = (Status::Registered, Timestamp::from_millis(5));
        assert_eq!(Transition::between(None, now), Transition::First);
    }
}
