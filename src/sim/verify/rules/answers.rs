//! What the answers say, whatever the contents do.

use super::super::report::Kind;
use super::{Court, on_delivery};
use crate::sim::ledger::{Attempt, Class, Delivery};

impl Court<'_> {
    pub(super) fn answers(&mut self) {
        let book = self.book;
        for (place, delivery) in book.deliveries.iter().enumerate() {
            let Some(answered) = delivery.delivered() else { continue };
            let Some(status) = answered.answer_status.as_deref() else { continue };
            if !matches!(status, "accepted" | "duplicate" | "quarantined") {
                // Not a word of the relay.
                continue;
            }
            let group = book.group_of[place];
            if status != "accepted" {
                let why = format!("answered {status}");
                self.find(Kind::HeldBackOrQuarantined, on_delivery(delivery, &why));
            }
            if self.is_taken_for_genuine(delivery, status, group) {
                let why = format!("answered 200, {status}");
                self.find_once(Kind::ForgedThrough, group, on_delivery(delivery, &why));
            }
            if status != "quarantined" {
                self.answered_id(delivery, answered, group);
            }
        }
    }

    /// `quarantined` says that the signature was found good, which that of a forged delivery is not.
    fn is_taken_for_genuine(&self, delivery: &Delivery, status: &str, group: usize) -> bool {
        match delivery.label.class() {
            Class::Signed => false,
            Class::Captured => status != "quarantined" && self.is_forged_through(group),
            Class::Forged => true,
        }
    }

    /// The id that was answered is on an event, and that event has the content that it was answered to.
    fn answered_id(&mut self, delivery: &Delivery, answered: &Attempt, group: usize) {
        let Some(id) = answered.answer_id.as_deref() else { return };
        let why = match self.ids.get(id) {
            None => "its id, which was answered, is on no event",
            Some(found) if *found != Some(group) => "its id, which was answered, is on another content",
            Some(_) => return,
        };
        let example = super::Example { id: Some(id.to_owned()), ..on_delivery(delivery, why) };
        self.find_once(Kind::Lost, group, example);
    }
}
