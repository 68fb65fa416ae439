//! The event: what a callback means, in the words that consumers read. Schema version 1.
//!
//! A CloudEvents 1.0 event. The types here are what the JSON Schemas in `config/schemas/` are generated from.

mod stamp;
mod timestamp;
mod transition;
mod words;

pub use stamp::{EventId, Stamp};
pub use timestamp::Timestamp;
pub use transition::Transition;
pub use words::{Endpoint, Status, UnknownWord};
