//! The file of `spool export`: how what a spool holds reaches another one.
//!
//! # Format
//!
//! JSON Lines. The first line names the format and the sinks that the spool had; the last one says how many lines come
//! before it, and their SHA-256: a file that is cut short has no last line. In between, each line stands for itself, and
//! they come in this order:
//!
//! - `record`: a record as it stands in its spool, with the sinks that have it;
//! - `signature`, `fingerprint`, `entity`: the ledger, whether from the tables or from notes not carried over yet;
//! - `held`, `quarantined`: what was kept aside.
//!
//! Bodies are base64, hashes hexadecimal, moments milliseconds since 1970. A program refuses a format above its own.

mod file;
mod lines;

pub use file::{ExchangeError, Summary, read};
pub use lines::{
    CallbackLine, DeadLine, EntityLine, FingerprintLine, HeldLine, Line, QuarantinedLine, RecordLine,
    SignatureLine,
};

pub(super) use file::{Writing, header};
pub(super) use lines::stand_in;
