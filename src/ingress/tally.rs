//! What became of a callback, told to the metrics and to the log.

use super::answer::Answer;
use super::refusals::Refusals;
use crate::callback::{Refusal, SignatureHeaders, VerificationScheme, Verified};
use crate::event::{Endpoint, Status};
use crate::metrics::{Metrics, endpoint_label};
use crate::normalize::{Facts, Unrecognized};
use crate::spool::Outcome;

/// The `reason` label of what was not refused.
const NO_REASON: &str = "none";

/// The schemes that a refused request can stand under: its best, or that it had none.
const SCHEMES_SENT: [&str; 3] = ["v3", "v2", "none"];

/// Makes every series of `tendlc_verifications_total` exist.
pub(crate) fn register_verifications(metrics: &Metrics) {
    for scheme in [VerificationScheme::V2, VerificationScheme::V3, VerificationScheme::Off] {
        metrics.register_verification(scheme.as_str(), "ok", NO_REASON);
    }
    for scheme in SCHEMES_SENT {
        for refusal in Refusal::ALL {
            metrics.register_verification(scheme, "refused", refusal.code());
        }
    }
}

/// The best scheme for which a request brought a signature.
pub(crate) fn schemes_sent(headers: &SignatureHeaders) -> &'static str {
    let [v3, v2, none] = SCHEMES_SENT;
    match headers {
        SignatureHeaders { v3: own, ma_v3: main, .. } if !(own.is_empty() && main.is_empty()) => v3,
        SignatureHeaders { v2: own, ma_v2: main, .. } if !(own.is_empty() && main.is_empty()) => v2,
        _ => none,
    }
}

/// Counts a proven callback.
pub(crate) fn verified(metrics: &Metrics, verified: &Verified) {
    let verdict = verified.callback.verdict();
    metrics.verifications.with_label_values(&[verdict.scheme.as_str(), "ok", NO_REASON]).inc();
    if verified.v3_mismatch {
        metrics.v3_mismatches.inc();
    }
    if let (Some(owner), Some(slot)) = (verdict.key, verified.slot) {
        metrics.key_matches.with_label_values(&[owner.as_str(), slot.to_string().as_str()]).inc();
    }
}

/// Counts a refused callback.
pub(crate) fn refused(metrics: &Metrics, scheme: &'static str, refusal: Refusal) {
    metrics.verifications.with_label_values(&[scheme, "refused", refusal.code()]).inc();
}

/// What the metrics want to know of a callback that the spool has taken away.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    endpoint: Option<Endpoint>,
    status: Status,
    unrecognized: Option<Unrecognized>,
}

impl Seen {
    pub(crate) fn of(facts: &Facts) -> Self {
        Seen { endpoint: facts.endpoint, status: facts.status_or_unknown(), unrecognized: facts.unrecognized }
    }

    /// Counts what became of it, and logs one line: of quarantined ones only so many as of refusals, since whoever has
    /// captured one signature can send as many as they like.
    pub(crate) fn count(self, metrics: &Metrics, refusals: &Refusals, outcome: &Outcome) {
        let endpoint = endpoint_label(self.endpoint);
        let (label, id) = match outcome {
            Outcome::Accepted { id, .. } => ("accepted", id),
            Outcome::Duplicate { id, held: true, .. } => ("held_back", id),
            Outcome::Duplicate { id, held: false, .. } => ("duplicate", id),
            Outcome::Quarantined { id, .. } => ("quarantined", id),
        };
        metrics.callbacks.with_label_values(&[endpoint, label]).inc();
        match outcome {
            Outcome::Accepted { sequence, occurrence, .. } => {
                self.count_accepted(metrics);
                tracing::debug!(%id, sequence, occurrence, endpoint, status = %self.status, "accepted");
            }
            Outcome::Duplicate { .. } => tracing::debug!(%id, endpoint, outcome = label, "known already"),
            Outcome::Quarantined { .. } => {
                if let Some(left_out) = refusals.admit("quarantined") {
                    tracing::warn!(first = %id, endpoint, left_out, "quarantined: a signature came again with other content; see `tendlc-relay quarantine list`");
                }
            }
        }
    }

    fn count_accepted(self, metrics: &Metrics) {
        let endpoint = endpoint_label(self.endpoint);
        metrics.events.with_label_values(&[endpoint, self.status.as_str()]).inc();
        if let Some(reason) = self.unrecognized {
            metrics.unrecognized.with_label_values(&[reason.as_str()]).inc();
        }
    }
}

/// What the sender is told.
pub(crate) fn answer(outcome: Outcome) -> Answer {
    match outcome {
        Outcome::Accepted { id, .. } => Answer::Accepted(id),
        Outcome::Duplicate { id, .. } => Answer::Duplicate(id),
        Outcome::Quarantined { .. } => Answer::Quarantined,
    }
}
