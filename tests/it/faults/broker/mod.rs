//! Brokers that are refused, swallowed, reset, slow, leaderless, full, or that take nothing of us any more.

mod cluster;
mod elected;
mod fatal;
mod kafka;
mod nats;
mod scene;
