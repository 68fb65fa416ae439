//! The fault suite: what the world does to a relay, and what it must hold through it. `docs/reliability.md` tells the
//! figures.
//!
//! `make test` runs a short form of each fault, `make torture` the long one. What is random comes from a seed that is
//! printed; `TENDLC_TEST_SEED` sets it.

mod adoption;
mod backlog;
mod broker;
mod clock;
pub mod dice;
pub mod disk;
mod eio;
mod full;
mod kill;
pub mod plivo;
mod power;
mod replicas;
pub mod report;
mod rot;
mod shim;
mod torn;
mod trace;
mod versions;
