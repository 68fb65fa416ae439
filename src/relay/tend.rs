//! Tending the broker of one lane: the one task that asks whether it answers, while all else waits.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::backoff::Pauses;
use super::gate::LaneState;
use super::lane::Lane;
use super::source::{Publisher, Source};
use crate::sink::CheckError;

/// The least time between two checks that find nothing wrong.
const CALM: Duration = Duration::from_secs(1);

/// Runs until the lane is stopped.
pub(super) async fn run<S: Source, P: Publisher>(lane: Arc<Lane<S, P>>) {
    tokio::select! {
        () = lane.stop.cancelled() => {}
        () = tend(&lane) => {}
    }
}

async fn tend<S: Source, P: Publisher>(lane: &Lane<S, P>) {
    let mut pauses = Pauses::new(&lane.config);
    let mut gate = lane.gate.watch();
    loop {
        match checked(lane).await {
            Ok(()) => {
                lane.gate.answers();
                if untroubled(lane, &mut gate, &mut pauses).await {
                    sleep(CALM).await;
                    continue;
                }
            }
            Err(error) => lane.gate.close(error.code(), &error.to_string()),
        }
        // An event that gets through meanwhile (one that was under way all along) ends the pause.
        gate.mark_unchanged();
        tokio::select! {
            () = sleep(pauses.next()) => {}
            () = opened(&mut gate) => {}
        }
    }
}

/// One look at the broker. What concerns some topics only is said, and holds nothing up.
async fn checked<S: Source, P: Publisher>(lane: &Lane<S, P>) -> Result<(), CheckError> {
    match lane.publisher.check().await {
        Err(advice) if !advice.is_blocking() => {
            let (code, reason) = (advice.code(), advice.to_string());
            if !lane.gate.remember(code, &reason) {
                tracing::warn!(sink = &*lane.sink, code, reason, "the sink is not ready for every event");
            }
            Ok(())
        }
        other => other,
    }
}

/// Waits until there is a reason to check again: `true` when the client reports trouble while events still get through,
/// `false` when the gate was closed by one that did not.
async fn untroubled<S: Source, P: Publisher>(
    lane: &Lane<S, P>,
    gate: &mut watch::Receiver<LaneState>,
    pauses: &mut Pauses,
) -> bool {
    loop {
        match *gate.borrow_and_update() {
            LaneState::Closed => return false,
            // An event got through: the trouble before is over.
            LaneState::Open => pauses.reset(),
            LaneState::Starting | LaneState::Trying => {}
        }
        tokio::select! {
            changed = gate.changed() => {
                if changed.is_err() {
                    return false;
                }
            }
            () = lane.publisher.troubled() => return true,
        }
    }
}

async fn opened(gate: &mut watch::Receiver<LaneState>) {
    // The sender lives as long as the lane: an error cannot come.
    if gate.wait_for(|state| *state == LaneState::Open).await.is_err() {
        std::future::pending::<()>().await;
    }
}
