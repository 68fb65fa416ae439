//! The ingress: from a socket to an answer that is 200 only when the callback is durable.

mod answer;
mod connection;
mod front;
mod limits;
mod server;
mod slots;
mod tracked;

pub use answer::Answer;
pub use limits::LimitsConfig;
pub use server::Shutdown;
