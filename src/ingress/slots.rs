//! Who is connected, what each connection is doing, and which one has to go at the cap.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::time::Instant;

/// A request half sent for longer than this may be cut off at the cap. Plivo sends a request in one go. And a connection
/// without any byte for as long is idle; before that it has only just come, or its next request is on its way.
const STALLED_AFTER: Duration = Duration::from_secs(1);

/// Where none has stalled for so long, a request half sent for longer than this goes before a newcomer is refused: a
/// request that comes in one go is complete by then, and a crowd that begins requests faster than it can be sent away
/// would otherwise keep everybody out.
const HALF_SENT_AFTER: Duration = Duration::from_millis(100);

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing of a request has arrived, or only what is left to be said after its end.
    Idle,
    /// The first byte of a request has arrived, and its header is not complete.
    Head,
    /// The header is complete, and the body is not.
    Body,
    /// The request is complete, and its answer is being made.
    Answering,
}

/// What the server wants of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Go on.
    Serve,
    /// End after the request that is there, at once when there is none.
    Finish,
    /// End now.
    Close,
}

/// One connection's place. Its own task writes the phase, the server writes the order.
#[derive(Debug)]
pub(crate) struct Slot {
    id: u64,
    base: Instant,
    /// Microseconds since `base` in the upper bits, the phase in the lowest two: one word, so that both are read
    /// together.
    state: AtomicU64,
    order: AtomicU8,
    waker: AtomicWaker,
}

impl Slot {
    fn new(id: u64, base: Instant) -> Self {
        let slot = Slot {
            id,
            base,
            state: AtomicU64::new(0),
            order: AtomicU8::new(Order::Serve as u8),
            waker: AtomicWaker::new(),
        };
        slot.enter(Phase::Idle);
        slot
    }

    /// The phase, and since when it or the request that it belongs to has lasted.
    pub(crate) fn phase(&self) -> (Phase, Instant) {
        let state = self.state.load(Ordering::Relaxed);
        let phase = match state & 3 {
            0 => Phase::Idle,
            1 => Phase::Head,
            2 => Phase::Body,
            _ => Phase::Answering,
        };
        (phase, self.base + Duration::from_micros(state >> 2))
    }

    /// Bytes have arrived. Between requests they are the first of the next one.
    pub(crate) fn received(&self) {
        if self.phase().0 == Phase::Idle {
            self.enter(Phase::Head);
        }
    }

    /// The header is complete; returns when the request's first byte arrived. A header that was already buffered
    /// behind the request before it counts from now.
    pub(crate) fn head_complete(&self) -> Instant {
        self.received();
        self.go_on(Phase::Body)
    }

    /// The body is complete.
    pub(crate) fn body_complete(&self) {
        self.go_on(Phase::Answering);
    }

    /// The answer is given.
    pub(crate) fn answered(&self) {
        self.enter(Phase::Idle);
    }

    /// What is wanted of the connection; `waker` is woken when that changes.
    pub(crate) fn order(&self, waker: &Waker) -> Order {
        self.waker.register(waker);
        match self.order.load(Ordering::Acquire) {
            0 => Order::Serve,
            1 => Order::Finish,
            _ => Order::Close,
        }
    }

    fn give(&self, order: Order) {
        self.order.fetch_max(order as u8, Ordering::AcqRel);
        self.waker.wake();
    }

    fn enter(&self, phase: Phase) {
        let micros = u64::try_from(self.base.elapsed().as_micros()).unwrap_or(u64::MAX >> 2);
        self.state.store((micros << 2) | phase as u64, Ordering::Relaxed);
    }

    /// A new phase of the same request: the time stays that of its first byte.
    fn go_on(&self, phase: Phase) -> Instant {
        let state = self.state.load(Ordering::Relaxed);
        self.state.store((state & !3) | phase as u64, Ordering::Relaxed);
        self.base + Duration::from_micros(state >> 2)
    }
}

/// All connections, never more than the cap.
#[derive(Debug)]
pub(crate) struct Slots {
    cap: usize,
    base: Instant,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    slots: HashMap<u64, Arc<Slot>>,
}

/// How a new connection got its place.
#[derive(Debug)]
pub(crate) enum Admission {
    /// There was room.
    Free(Arc<Slot>),
    /// An idle connection was closed for it.
    InsteadOfIdle(Arc<Slot>),
    /// A connection with a request half sent was closed for it.
    InsteadOfStalled(Arc<Slot>),
    /// Every other connection is at work.
    Refused,
}

impl Slots {
    pub(crate) fn new(cap: usize) -> Self {
        Slots { cap, base: Instant::now(), open: Mutex::default() }
    }

    /// A place for a new connection.
    pub(crate) fn admit(&self) -> Admission {
        let mut open = self.lock();
        if open.slots.len() < self.cap {
            return Admission::Free(self.insert(&mut open));
        }
        let Some((victim, phase)) = open.victim() else { return Admission::Refused };
        open.close(victim);
        let slot = self.insert(&mut open);
        if phase == Phase::Idle { Admission::InsteadOfIdle(slot) } else { Admission::InsteadOfStalled(slot) }
    }

    /// Closes an idle connection before the cap is reached, when the process has no more open files to give. `false`
    /// when none is idle.
    pub(crate) fn shed(&self) -> bool {
        let mut open = self.lock();
        match open.victim() {
            Some((victim, Phase::Idle)) => open.close(victim),
            Some(_) | None => false,
        }
    }

    /// The connection has ended.
    pub(crate) fn leave(&self, slot: &Slot) {
        self.lock().slots.remove(&slot.id);
    }

    /// Gives every connection an order.
    pub(crate) fn give_all(&self, order: Order) {
        for slot in self.lock().slots.values() {
            slot.give(order);
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lock().slots.len()
    }

    fn insert(&self, open: &mut Open) -> Arc<Slot> {
        open.next += 1;
        let slot = Arc::new(Slot::new(open.next, self.base));
        open.slots.insert(open.next, Arc::clone(&slot));
        slot
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // A panic cannot leave the map half changed.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn close(&mut self, id: u64) -> bool {
        let slot = self.slots.remove(&id);
        slot.inspect(|slot| slot.give(Order::Close)).is_some()
    }

    /// The longest idle connection, or else the one that has kept a request half sent for longest, or else the one that
    /// has waited longest of those that have only just come.
    fn victim(&self) -> Option<(u64, Phase)> {
        let now = Instant::now();
        let mut best: [Option<(Instant, u64, Phase)>; 4] = [None; 4];
        for (id, slot) in &self.slots {
            let (phase, since) = slot.phase();
            let age = now.saturating_duration_since(since);
            let is_long = age > STALLED_AFTER;
            let rank = match phase {
                Phase::Idle if is_long => 0,
                Phase::Head | Phase::Body if is_long => 1,
                Phase::Head | Phase::Body if age > HALF_SENT_AFTER => 2,
                Phase::Idle => 3,
                Phase::Head | Phase::Body | Phase::Answering => continue,
            };
            if best[rank].is_none_or(|(earliest, other, _)| (since, *id) < (earliest, other)) {
                best[rank] = Some((since, *id, phase));
            }
        }
        best.into_iter().flatten().next().map(|(_, id, phase)| (id, phase))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free(slots: &Slots) -> Arc<Slot> {
        match slots.admit() {
            Admission::Free(slot) => slot,
            other => panic!("{other:?}"),
        }
    }

    fn is_closed(slot: &Slot) -> bool {
        slot.order(Waker::noop()) == Order::Close
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_cap_the_longest_idle_connection_goes_first() {
        let slots = Slots::new(3);
        let busy = free(&slots);
        busy.head_complete();
        busy.body_complete();
        tokio::time::advance(Duration::from_secs(1)).await;
        let older = free(&slots);
        tokio::time::advance(Duration::from_secs(1)).await;
        let newer = free(&slots);

        assert!(matches!(slots.admit(), Admission::InsteadOfIdle(_)));
        assert!(is_closed(&older));
        assert!(!is_closed(&newer) && !is_closed(&busy));
        assert_eq!(slots.len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn with_none_idle_a_stalled_request_goes_and_a_fresh_one_stays() {
        let slots = Slots::new(2);
        let stalled = free(&slots);
        stalled.received();
        tokio::time::advance(STALLED_AFTER + Duration::from_millis(1)).await;
        let fresh = free(&slots);
        fresh.received();

        let Admission::InsteadOfStalled(newest) = slots.admit() else { panic!("no place") };
        assert!(is_closed(&stalled));
        assert!(!is_closed(&fresh));
        newest.received();
        assert!(matches!(slots.admit(), Admission::Refused));

        tokio::time::advance(HALF_SENT_AFTER + Duration::from_millis(1)).await;
        assert!(matches!(slots.admit(), Admission::InsteadOfStalled(_)));
        assert!(is_closed(&fresh) && !is_closed(&newest));
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_counts_from_the_first_byte_through_all_phases() {
        let slots = Slots::new(1);
        let slot = free(&slots);
        tokio::time::advance(Duration::from_secs(60)).await;
        let first = Instant::now();
        slot.received();
        tokio::time::advance(Duration::from_secs(1)).await;
        slot.received();
        assert_eq!(slot.head_complete(), first);
        assert_eq!(slot.phase(), (Phase::Body, first));
        slot.body_complete();
        assert_eq!(slot.phase(), (Phase::Answering, first));
        slot.answered();
        assert_eq!(slot.phase().0, Phase::Idle);
        assert!(slot.phase().1 > first);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_has_just_come_is_not_taken_for_an_idle_one_while_others_stall() {
        let slots = Slots::new(2);
        let stalled = free(&slots);
        stalled.received();
        tokio::time::advance(STALLED_AFTER + Duration::from_millis(1)).await;
        let fresh = free(&slots);
        assert!(matches!(slots.admit(), Admission::InsteadOfStalled(_)));
        assert!(is_closed(&stalled) && !is_closed(&fresh));
        // Among nothing but newcomers the first one goes.
        assert!(matches!(slots.admit(), Admission::InsteadOfIdle(_)));
        assert!(is_closed(&fresh));
    }

    #[test]
    fn shedding_closes_idle_connections_alone() {
        let slots = Slots::new(10);
        let busy = free(&slots);
        busy.head_complete();
        busy.body_complete();
        assert!(!slots.shed());
        let idle = free(&slots);
        assert!(slots.shed());
        assert!(is_closed(&idle) && !is_closed(&busy));
        assert_eq!(slots.len(), 1);
    }

    #[test]
    fn an_order_is_never_taken_back() {
        let slots = Slots::new(1);
        let slot = free(&slots);
        slots.give_all(Order::Close);
        slots.give_all(Order::Finish);
        assert!(is_closed(&slot));
    }
}
