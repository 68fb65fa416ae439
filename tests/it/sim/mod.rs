//! The simulator against the real relay, and its checker against what the relay published, whole and tampered with.

mod brokers;
mod catches;
mod holds;
mod https;
mod run;
