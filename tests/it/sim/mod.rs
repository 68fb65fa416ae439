//! The simulated Plivo, met as a customer's code meets Plivo.

mod replay;
mod sdks;
mod serving;
