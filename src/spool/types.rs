//! What the spool is asked and what it answers.

use serde::{Deserialize, Serialize};

use super::exchange::Line;
use super::{Adopted, Only, Purge, PurgeStep, Purged};
use crate::event::{EventId, Timestamp};
use crate::normalize::Facts;

/// What became of a callback that was made durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A new event.
    Accepted {
        /// The idempotency key.
        id: EventId,
        /// The record's number.
        sequence: u64,
        /// How many times the same content was accepted before.
        occurrence: u32,
    },
    /// The same content again: counted, not published.
    Duplicate {
        /// The key of the event that it repeats.
        id: EventId,
        /// Kept as a held-back record, since it came with a signature not seen before.
        held: bool,
        /// The entity changed status in between.
        after_change: bool,
    },
    /// A signature seen before, with other content.
    Quarantined {
        /// The key of the content that the signature came with first.
        id: EventId,
        /// Whether it was kept, or only counted since a cap is reached.
        kept: bool,
    },
}

/// Whether a callback can be made durable now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SpoolHealth {
    /// Whether it can.
    pub writable: bool,
    /// Why not, in words.
    pub reason: Option<String>,
    /// Pages in use and the log.
    pub bytes: u64,
    /// The cap on `bytes`.
    pub cap: u64,
}

/// What a lane reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feed {
    /// Every accepted record, in order.
    Live,
    /// Dead letters that an operator sent back.
    Requeued,
    /// A range published again; the number is the replay's.
    Replay(u64),
}

/// How far a lane is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Lag {
    /// Records not yet published.
    pub depth: u64,
    /// When the oldest of them was received.
    pub oldest: Option<Timestamp>,
    /// The highest sequence up to which all are published.
    pub cursor: u64,
}

/// Where a replay starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayFrom {
    /// At this record, or the next one that is left.
    Sequence(u64),
    /// At the first record received at this moment (milliseconds since 1970) or later.
    Time(Timestamp),
}

/// Where a replay ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayTo {
    /// At this record, or the last one before it that is left.
    Sequence(u64),
    /// Before the first record received at this moment or later.
    Time(Timestamp),
}

/// What an operator can change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// Sends dead letters of a sink back to it.
    Requeue {
        /// The sink.
        sink: String,
        /// Which; all of them when absent.
        #[serde(default)]
        sequences: Option<Vec<u64>>,
    },
    /// Publishes a range of records again, to one sink.
    Replay {
        /// The sink.
        sink: String,
        /// The first record.
        from: ReplayFrom,
        /// The last record; the highest there is now when absent.
        #[serde(default)]
        to: Option<ReplayTo>,
        /// Which of them.
        #[serde(default)]
        only: Only,
    },
    /// Makes held-back duplicates events of their own, each with the next occurrence.
    Release {
        /// The numbers under which they are listed.
        held: Vec<u64>,
    },
    /// Makes callbacks in quarantine events of their own, on the operator's word. Their signatures stay bound to what
    /// they came with first.
    ReleaseQuarantined {
        /// The numbers under which they are listed.
        numbers: Vec<u64>,
    },
    /// Deletes callbacks in quarantine for good.
    DiscardQuarantined {
        /// Which; all of them when absent.
        #[serde(default)]
        numbers: Option<Vec<u64>>,
    },
    /// Gives up on dead letters of a sink: it never gets these records. The records stay.
    DiscardDead {
        /// The sink.
        sink: String,
        /// Which; all of them when absent.
        #[serde(default)]
        sequences: Option<Vec<u64>>,
    },
    /// Makes a revision of each of these records: the same callback, understood anew. Those that have one already are
    /// passed over.
    Renormalize {
        /// What they say now.
        revisions: Vec<Revision>,
    },
    /// Forgets the cursor of a sink that is no longer configured, with its dead letters.
    Forget {
        /// The sink.
        sink: String,
    },
    /// Takes in a part of another spool's export.
    Import {
        /// The SHA-256 of the file.
        sha256: String,
        /// Which part.
        step: ImportStep,
    },
    /// Takes callbacks out of the spool for good.
    Purge {
        /// Whose.
        purge: Purge,
        /// Which part.
        step: PurgeStep,
    },
    /// Gives free space back to the file system.
    Compact {
        /// Whether callbacks are taken meanwhile: a running relay says so itself.
        #[serde(default)]
        serving: bool,
    },
}

/// An import takes many changes, so that callbacks are taken between them. The first and the last leave a row in the
/// audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportStep {
    /// It begins.
    Begin,
    /// These lines are taken in.
    Lines(Vec<Line>),
    /// It is through, and came to this.
    End(Adopted),
}

impl ImportStep {
    /// What it says of itself.
    pub(super) fn so_far(&self) -> Adopted {
        match self {
            ImportStep::Begin | ImportStep::Lines(_) => Adopted::default(),
            ImportStep::End(adopted) => adopted.clone(),
        }
    }
}

/// A record, and what its callback says as it is understood now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// The record's number.
    pub sequence: u64,
    /// What it says.
    pub facts: Facts,
}

impl Change {
    /// What the audit keeps, if it is a row of its own: of revisions which records they are about, since what they say
    /// is in the records; of an import that it began and that it ended.
    pub(super) fn audited(&self) -> serde_json::Result<Option<serde_json::Value>> {
        let audited = match self {
            Change::Renormalize { revisions } => {
                let sequences: Vec<u64> = revisions.iter().map(|revision| revision.sequence).collect();
                serde_json::json!({ "renormalize": { "sequences": sequences } })
            }
            Change::Import { step: ImportStep::Lines(_), .. } => return Ok(None),
            Change::Import { sha256, step } => {
                let step = if *step == ImportStep::Begin { "begin" } else { "end" };
                serde_json::json!({ "import": { "sha256": sha256, "step": step } })
            }
            Change::Purge { step: PurgeStep::Rows(_) | PurgeStep::Notes(_), .. } => return Ok(None),
            Change::Purge { purge, step } => {
                purge.audited(if *step == PurgeStep::Begin { "begin" } else { "end" })
            }
            change => serde_json::to_value(change)?,
        };
        Ok(Some(audited))
    }

    /// The bodies that it brings, and how many rows, where it brings any.
    pub(super) fn brings(&self) -> Option<(u64, u64)> {
        let Change::Import { step: ImportStep::Lines(lines), .. } = self else { return None };
        Some((lines.iter().map(Line::body_bytes).sum(), lines.len() as u64))
    }

    /// Its name in metrics: one of [`crate::metrics::CHANGES`].
    pub const fn kind(&self) -> &'static str {
        match self {
            Change::Requeue { .. } => "requeue",
            Change::Replay { .. } => "replay",
            Change::Release { .. } => "release",
            Change::ReleaseQuarantined { .. } => "release_quarantined",
            Change::DiscardQuarantined { .. } => "discard_quarantined",
            Change::DiscardDead { .. } => "discard_dead",
            Change::Renormalize { .. } => "renormalize",
            Change::Forget { .. } => "forget",
            Change::Import { .. } => "import",
            Change::Purge { .. } => "purge",
            Change::Compact { .. } => "compact",
        }
    }

    /// The same change, bound to what was shown of it where it would else go on growing.
    pub fn as_shown(self, shown: &ChangeDone) -> Change {
        match (self, shown) {
            (Change::Replay { sink, only, .. }, ChangeDone::ReplayStarted { from, to, .. }) => {
                Change::Replay {
                    sink,
                    from: ReplayFrom::Sequence(*from),
                    to: Some(ReplayTo::Sequence(*to)),
                    only,
                }
            }
            (other, _) => other,
        }
    }
}

/// What a change did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeDone {
    /// Dead letters sent back.
    Requeued {
        /// The sink.
        sink: String,
        /// How many.
        count: u64,
    },
    /// A replay began.
    ReplayStarted {
        /// The sink.
        sink: String,
        /// The replay's number.
        replay: u64,
        /// The first record's number.
        from: u64,
        /// The last record's number.
        to: u64,
        /// Which of them.
        #[serde(default, skip_serializing_if = "Only::is_all")]
        only: Only,
    },
    /// Held-back duplicates became events.
    Released {
        /// How many; fewer than asked for when some were not there.
        count: u64,
    },
    /// Callbacks in quarantine became events.
    ReleasedQuarantined {
        /// The events' ids, in the order of their numbers.
        ids: Vec<EventId>,
    },
    /// Callbacks in quarantine are gone.
    DiscardedQuarantined {
        /// How many.
        count: u64,
    },
    /// Dead letters were given up.
    DiscardedDead {
        /// The sink.
        sink: String,
        /// How many.
        count: u64,
    },
    /// Records were normalized again.
    Renormalized {
        /// How many revisions there are.
        count: u64,
    },
    /// A removed sink's cursor is gone.
    Forgotten {
        /// The sink.
        sink: String,
        /// Its dead letters that went with it.
        dead_letters: u64,
    },
    /// A part of an export was taken in.
    Imported(Adopted),
    /// A part of what is purged has gone.
    Purged(Purged),
    /// The spool was written anew.
    Compacted(Compacted),
}

/// How large the spool's file was, and is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compacted {
    /// Bytes before.
    pub before: u64,
    /// Bytes after, once the log is folded; at most, while it is only looked at.
    pub after: u64,
    /// Whether the log is folded: the file is as small as it gets, and nothing is left of what was in it.
    pub folded: bool,
}

impl Compacted {
    /// The bytes that were given back.
    pub fn gain(&self) -> u64 {
        self.before.saturating_sub(self.after)
    }
}
