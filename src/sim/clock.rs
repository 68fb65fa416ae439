//! Turns time into notices.

use std::future::pending;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use super::plivo::Due;
use super::state::State;

/// How many steps may wait for whoever sends their notices; the clock stands still while there is no room.
pub const STEPS: usize = 1024;

/// Takes each step when it is due and hands it on, until `stop`, or until nobody takes them any more.
pub async fn turn(state: Arc<State>, steps: mpsc::Sender<Due>, stop: CancellationToken) {
    loop {
        tokio::select! {
            taken = take_due(&state, &steps) => if !taken { return },
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

/// Takes every step that is due; whether anybody still takes them.
async fn take_due(state: &State, steps: &mpsc::Sender<Due>) -> bool {
    loop {
        // Room first: a step that was taken cannot be put back.
        let Ok(room) = steps.reserve().await else { return false };
        match state.step() {
            Some(due) => room.send(due),
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
        let (sender, mut steps) = mpsc::channel(STEPS);
        let stop = CancellationToken::new();
        let clock = tokio::spawn(turn(Arc::clone(&state), sender, stop.clone()));
        // The clock already waits, for nothing, when the request comes.
        tokio::task::yield_now().await;
        let began = tokio::time::Instant::now();
        ask_for_a_brand(&state);
        for (status, after) in [(Status::Created, 1), (Status::Registered, 11)] {
            assert_eq!(steps.recv().await.unwrap().notice.unwrap().status, status);
            let late = began.elapsed() - Duration::from_secs(after);
            assert!(late < Duration::from_millis(5), "{late:?}");
        }
        stop.cancel();
        clock.await.unwrap();
        assert_eq!(steps.recv().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn while_nobody_takes_steps_time_stands_still_and_nothing_is_lost() {
        let state = state();
        let (sender, mut steps) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let clock = tokio::spawn(turn(Arc::clone(&state), sender, stop.clone()));
        (0..5).for_each(|_| ask_for_a_brand(&state));
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(state.with(|plivo, _| plivo.waiting()), 9, "one notice fits");
        for number in 1..=10 {
            assert_eq!(steps.recv().await.unwrap().notice.unwrap().number, number);
        }
        stop.cancel();
        clock.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn it_stops_in_the_middle_of_a_full_channel() {
        let state = state();
        let (sender, _steps) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let clock = tokio::spawn(turn(Arc::clone(&state), sender, stop.clone()));
        (0..5).for_each(|_| ask_for_a_brand(&state));
        tokio::time::sleep(Duration::from_secs(60)).await;
        stop.cancel();
        clock.await.unwrap();
    }
}
