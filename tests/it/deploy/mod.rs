//! What lies under deploy/ is held against the real binary, and run by the real programs.

mod api;
mod caddy;
mod clusters;
mod compose;
mod grafana;
mod kubernetes;
mod prometheus;
mod rules;
mod series;
mod stack;
mod token;
