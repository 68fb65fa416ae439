//! A Plivo that anybody can run: takes 10DLC requests as Plivo's API does, and sends the callbacks that they owe.
//!
//! It shares no code with the relay: what checks the relay must not be made of it.

pub mod chaos;
pub mod content;
pub mod courier;
pub mod dice;
pub mod ledger;
pub mod notice;
pub mod profile;
pub mod scenario;
pub mod send;
pub mod sender;
pub mod sign;
#[cfg(test)]
mod testing;
pub mod words;
