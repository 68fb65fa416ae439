//! The simulator: met as a customer's code meets Plivo, against the real relay, and its checker against what the relay
//! published, whole and tampered with.

mod away;
mod brokers;
mod catches;
mod chaotic;
mod customer;
mod examples;
mod holds;
mod https;
mod killed;
mod load;
mod replay;
pub mod run;
mod same_seed;
mod sdks;
mod serving;
mod signatures;
mod subaccount;
