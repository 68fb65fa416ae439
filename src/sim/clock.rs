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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sim::accounts::Accounts;
    use crate::sim::life::{Delays, Outcomes};
    use crate::sim::notice::{Method, Status};
    use crate::sim::plivo::{Behaviour, Plivo};
    use crate::sim::world::{BrandType, CallbackTo, NewBrand};

    fn state() -> Arc<State> {
        let accounts = Accounts::new(&["MAEXAMPLE00000000001:t".parse().unwrap()]).unwrap();
        let behaviour =
            Behaviour { seed: 1, delays: Delays::DEFAULT, outcomes: Outcomes::default(), max_entities: 100 };
        Arc::new(State::new(accounts, Plivo::new(behaviour)))
    }

    fn ask_for_a_brand(state: &State) {
        let account = state.accounts.first().unwrap();
        let new = NewBrand {
            alias: "acme".to_owned(),
            brand_type: BrandType::Standard,
            profile_uuid: "p".to_owned(),
            secondary_vetting: false,
            to: Some(CallbackTo { url: "https://x.example/".to_owned(), method: Method::Post }),
        };
        state.with(|plivo, now| plivo.create_brand(account, new, now)).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn each_step_comes_at_its_time() {
        let state = state();
        let (sender, mut notices) = mpsc::channel(NOTICES);
        let stop = CancellationToken::new();
        let clock = tokio::spawn(turn(Arc::clone(&state), sender, stop.clone()));
        // The clock already waits, for nothing, when the request comes.
        tokio::task::yield_now().await;
        let began = tokio::time::Instant::now();
        ask_for_a_brand(&state);
        for (status, after) in [(Status::Created, 1), (Status::Registered, 11)] {
            assert_eq!(notices.recv().await.unwrap().status, status);
            let late = began.elapsed() - Duration::from_secs(after);
            assert!(late < Duration::from_millis(5), "{late:?}");
        }
        stop.cancel();
        clock.await.unwrap();
        assert_eq!(notices.recv().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn while_nobody_takes_notices_time_stands_still_and_nothing_is_lost() {
        let state = state();
        let (sender, mut notices) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let clock = tokio::spawn(turn(Arc::clone(&state), sender, stop.clone()));
        (0..5).for_each(|_| ask_for_a_brand(&state));
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(state.with(|plivo, _| plivo.waiting()), 9, "one notice fits");
        for number in 1..=10 {
            assert_eq!(notices.recv().await.unwrap().number, number);
        }
        stop.cancel();
        clock.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn it_stops_in_the_middle_of_a_full_channel() {
        let state = state();
        let (sender, _notices) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let clock = tokio::spawn(turn(Arc::clone(&state), sender, stop.clone()));
        (0..5).for_each(|_| ask_for_a_brand(&state));
        tokio::time::sleep(Duration::from_secs(60)).await;
        stop.cancel();
        clock.await.unwrap();
    }
}
