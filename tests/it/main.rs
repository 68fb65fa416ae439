//! The whole relay, from outside: the real binary, real HTTP, real NATS, real Kafka.
//!
//! `scripts/brokers with cargo test --test it` gives the tests their brokers; without it those that need one say
//! loudly that they did not run.

mod support;

mod answers;
mod crash;
mod drain;
mod metrics;
mod rotation;
mod spool_full;
mod stalled;
