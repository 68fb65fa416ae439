//! What becomes of a genuine callback: the rows of the design's table, as functions of what was looked up.

use crate::event::{Status, Timestamp, Transition};

/// A SHA-256.
pub(super) type Hash = [u8; 32];

/// What a signature came with first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) fingerprint: Hash,
    pub(super) occurrence: u32,
}

/// The latest occurrence of a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) occurrence: u32,
    /// When it was first accepted: the window counts from here and never slides.
    pub(super) accepted_at: Timestamp,
}

/// Where an entity stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) status: Status,
    pub(super) at: Timestamp,
}

/// What was looked up for a callback.
#[derive(Debug, Clone, Copy)]
pub(super) struct LookedUp<'a> {
    pub(super) fingerprint: &'a Hash,
    /// Each valid signature of the request, and what it came with first.
    pub(super) signatures: &'a [(Hash, Option<Known>)],
    pub(super) seen: Option<Seen>,
    /// Where the entity stands; `None` when there is no entity or nothing is known of it.
    pub(super) standing: Option<Standing>,
    /// What the callback says.
    pub(super) status: Option<Status>,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// A new event.
    Accept { occurrence: u32 },
    /// A signature seen before, with the same content.
    Duplicate { occurrence: u32 },
    /// The same content within the window, with signatures not seen before.
    HoldBack { occurrence: u32, after_change: bool },
    /// A signature seen before, with other content: `first`.
    Quarantine { signature: Hash, first: Known },
}

/// Decides. `window` is in milliseconds.
pub(super) fn decide(found: LookedUp<'_>, now: Timestamp, window: i64) -> Decision {
    let known = || found.signatures.iter().filter_map(|(hash, known)| known.map(|known| (*hash, known)));
    // One signature with other content taints the request, whatever its other signatures say.
    if let Some((signature, first)) = known().find(|(_, known)| known.fingerprint != *found.fingerprint) {
        return Decision::Quarantine { signature, first };
    }
    if let Some((_, known)) = known().next() {
        return Decision::Duplicate { occurrence: known.occurrence };
    }
    match found.seen {
        None => Decision::Accept { occurrence: 0 },
        Some(seen) if now.millis_since(seen.accepted_at) < window => {
            let changed = |standing: Standing| found.status.is_some_and(|status| status != standing.status);
            Decision::HoldBack {
                occurrence: seen.occurrence,
                after_change: found.standing.is_some_and(changed),
            }
        }
        Some(seen) => Decision::Accept { occurrence: seen.occurrence.saturating_add(1) },
    }
}

/// How an accepted status stands to the entity's story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) previous: Option<Status>,
    pub(super) transition: Transition,
    /// Where the entity stands from now on; `None` when that does not change.
    pub(super) standing: Option<Standing>,
}

/// The step from where the entity stands to `status`. A late retry tells of the past: it moves nothing, so that
/// what comes next is compared with the latest status and not with the retry.
pub(super) fn step(standing: Option<Standing>, status: Status, now: Timestamp) -> Step {
    let transition = Transition::between(standing.map(|one| (one.status, one.at)), (status, now));
    let moves = transition != Transition::Regressed;
    Step {
        previous: standing.map(|one| one.status),
        transition,
        standing: moves.then_some(Standing { status, at: now }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: i64 = 480_000;
    const THIS: Hash = [1; 32];
    const OTHER: Hash = [2; 32];
    const A: Hash = [10; 32];
    const B: Hash = [11; 32];

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + millis)
    }

    fn known(fingerprint: Hash, occurrence: u32) -> Option<Known> {
        Some(Known { fingerprint, occurrence })
    }

    /// Name, signatures, what was seen, where the entity stands, how long after, what becomes of it.
    type Row = (&'static str, Vec<(Hash, Option<Known>)>, Option<Seen>, Option<Standing>, i64, Decision);

    #[test]
    fn every_row_of_the_table() {
        let seen = |occurrence| Some(Seen { occurrence, accepted_at: at(0) });
        let quarantine = |signature| Decision::Quarantine {
            signature,
            first: Known { fingerprint: OTHER, occurrence: 4 },
        };
        let held = |after_change| Decision::HoldBack { occurrence: 3, after_change };
        let created = Some(Standing { status: Status::Created, at: at(0) });
        let failed = Some(Standing { status: Status::Failed, at: at(0) });
        #[rustfmt::skip]
        let rows: Vec<Row> = vec![
            ("new", vec![(A, None)], None, None, 0, Decision::Accept { occurrence: 0 }),
            ("new, verification off", vec![], None, None, 0, Decision::Accept { occurrence: 0 }),
            ("new content of a known entity", vec![(A, None)], None, failed, 0, Decision::Accept { occurrence: 0 }),
            ("within the window", vec![(A, None)], seen(3), created, WINDOW - 1, held(false)),
            ("within it, no entity", vec![(A, None)], seen(3), None, 0, held(false)),
            ("within it, verification off", vec![], seen(3), created, 1, held(false)),
            ("within it, after a change", vec![(A, None)], seen(3), failed, 1, held(true)),
            ("at the window's end", vec![(A, None)], seen(3), created, WINDOW, Decision::Accept { occurrence: 4 }),
            ("later", vec![(A, None), (B, None)], seen(0), failed, 10 * WINDOW, Decision::Accept { occurrence: 1 }),
            ("same signature", vec![(A, known(THIS, 2))], seen(3), failed, 1, Decision::Duplicate { occurrence: 2 }),
            ("same signature, much later", vec![(A, known(THIS, 2))], seen(2), None, 99 * WINDOW, Decision::Duplicate { occurrence: 2 }),
            ("one of two signatures known", vec![(B, None), (A, known(THIS, 3))], seen(3), None, 1, Decision::Duplicate { occurrence: 3 }),
            ("other content", vec![(A, known(OTHER, 4))], None, None, 1, quarantine(A)),
            ("other content that is known", vec![(A, known(OTHER, 4))], seen(3), created, 1, quarantine(A)),
            ("other content by one of two", vec![(A, None), (B, known(OTHER, 4))], None, None, 99 * WINDOW, quarantine(B)),
            ("one agrees, one does not", vec![(A, known(THIS, 3)), (B, known(OTHER, 4))], seen(3), None, 1, quarantine(B)),
        ];
        for (name, signatures, seen, standing, after, expected) in rows {
            let found = LookedUp {
                fingerprint: &THIS,
                signatures: &signatures,
                seen,
                standing,
                status: Some(Status::Created),
            };
            assert_eq!(decide(found, at(after), WINDOW), expected, "{name}");
        }
    }

    #[test]
    fn a_late_retry_moves_nothing() {
        let registered = Standing { status: Status::Registered, at: at(0) };
        let late = step(Some(registered), Status::Created, at(1000));
        assert_eq!(late.transition, Transition::Regressed);
        assert_eq!((late.previous, late.standing), (Some(Status::Registered), None));

        let again = step(Some(registered), Status::Created, at(460_001));
        assert_eq!(again.transition, Transition::Restarted);
        assert_eq!(again.standing, Some(Standing { status: Status::Created, at: at(460_001) }));

        let first = step(None, Status::Created, at(5));
        assert_eq!((first.transition, first.previous), (Transition::First, None));
        assert_eq!(first.standing, Some(Standing { status: Status::Created, at: at(5) }));
    }
}
