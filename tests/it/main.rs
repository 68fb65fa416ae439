//! The whole relay, from outside: the real binary, real HTTP, real NATS, real Kafka.
//!
//! `scripts/brokers with cargo test --test it` gives the tests their brokers; without it those that need one say
//! loudly that they did not run.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test that cannot go on has failed.

mod support;

mod answers;
mod asyncapi;
mod attacks;
mod commands;
mod consumers;
mod crash;
mod creation;
mod dedupe;
mod delivery;
mod demo;
mod deploy;
mod drain;
mod faults;
mod kafka_auth;
mod ledger;
mod logs;
mod metrics;
mod nats_auth;
mod outage;
mod renormalize;
mod rotation;
mod runbook;
mod scaling;
mod sim;
mod spool_full;
mod stalled;
