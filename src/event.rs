//! The event: what a callback means, in the words that consumers read. Schema version 1.
//!
//! A CloudEvents 1.0 event. The types here are what the JSON Schemas in `config/schemas/` are generated from.

mod cloud_event;
mod data;
mod digits;
mod json;
mod stamp;
mod timestamp;
mod transition;
mod verification;
mod words;

pub use cloud_event::{Event, EventParts};
pub(crate) use cloud_event::{event_type, schema_uri};
pub use data::{EventData, Pair, Parameters, Raw, Verification};
pub use stamp::{EventId, Stamp};
pub use timestamp::Timestamp;
pub use transition::Transition;
pub use verification::{Covers, KeyOwner, VerificationScheme};
pub use words::{Endpoint, Status, UnknownWord, Unrecognized};
