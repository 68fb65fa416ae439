//! Normalizing: from a verified callback to the few columns that say what it means, and from a record to its event.
//!
//! Total and pure: it never fails. What it cannot place becomes an event of kind `unrecognized`.

mod facts;

pub use facts::{Facts, NormalizedCallback, Unrecognized};
