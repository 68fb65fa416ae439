//! `tendlc-relay`: the durable ingress for Plivo's 10DLC status callbacks.
//!
//! Plivo reports the fate of every 10DLC brand, campaign and number request through HTTP callbacks, tries each
//! four times in seven minutes, and then that status is gone for good. This crate catches every one of them.
//!
//! # The street
//!
//! Two short roads that meet at the spool. Each stage is a function from one type to the next, and owns the type
//! that it produces; fields are private, so that a [`callback::VerifiedCallback`] can only come from
//! [`callback::verify`].
//!
//! ```text
//! ingress:  RawCallback → verify → VerifiedCallback → normalize → NormalizedCallback → spool.append (fsync) → 200
//! relay:    spool.claim → Record → sink.publish → broker's ack → spool.ack | retry later | dead letter
//! ```
//!
//! # Direction
//!
//! A module names only modules to its left:
//!
//! ```text
//! units, event, finding, metrics, sabotage < signature < callback < normalize < spool < sink < relay < ingress < admin < control < config
//!     < telemetry < app < cli < main
//! ```
//!
//! [`sim`], the Plivo of the other binary, names none of them.
//!
//! # What is deliberately absent
//!
//! No second copy of a callback's meaning: the stored record is the request as received plus what was decided
//! about it, and the event's JSON is a pure function of that record. No unbounded channel. No answer of 200 before
//! the commit that holds the callback has reached the disk.

pub mod admin;
pub mod app;
pub mod callback;
pub mod cli;
pub mod commands;
pub mod config;
pub mod control;
pub mod event;
pub mod finding;
pub mod ingress;
pub mod metrics;
pub mod normalize;
pub mod relay;
pub mod sabotage;
pub mod signature;
pub mod sim;
pub mod sink;
pub mod spool;
pub mod telemetry;
pub mod units;
