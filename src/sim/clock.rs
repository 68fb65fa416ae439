//! Turns time into notices.

use std::future::pending;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use super::notice::Notice;
use super::state::State;

/// How many notices may wait for whoever sends them; the clock stands still while there is no room.
pub const NOTICES: usize = 1024;

/// Takes each step when it is due and hands the notice on, until `stop`, or until nobody takes notices any more.
pub async fn turn(state: Arc<State>, notices: mpsc::Sender<Notice>, stop: CancellationToken) {
    loop {
        tokio::select! {
            taken = take_due(&state, &notices) => if !taken { return },
            () = stop.cancelled() => return,
        }
        let due = async {
            match state.next_due() {
                Some(due) => sleep_until(due).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = due => {}
            () = state.changed() => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Takes every step that is due; whether anybody still takes notices.
async fn take_due(state: &State, notices: &mpsc::Sender<Notice>) -> bool {
    loop {
        // Room first: a step that was taken cannot be put back.
        let Ok(room) = notices.reserve().await else { return false };
        match state.step() {
            Some(Some(notice)) => room.send(notice),
            Some(None) => {}
            None => return true,
        }
    }
}
