//! The attack suite: what somebody who wants in, or wants to do harm, sends to a relay. `docs/reliability.md` tells the
//! figures.
//!
//! `make test` runs a short form of each attack, `make torture` the long one. What is random comes from a seed that is
//! printed; `TENDLC_TEST_SEED` sets it.

mod admin;
mod bulk;
mod control;
mod crowd;
mod forgeries;
mod headers;
mod injection;
mod paths;
mod quarantine;
mod seeds;
mod smuggling;
mod soak;
mod tampering;
mod targets;
mod wire;
