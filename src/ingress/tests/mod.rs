//! The ingress over real sockets.

mod connections;
mod drain;
mod wire;
