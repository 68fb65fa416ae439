//! Several replicas behind a balancer: what holds, and what depends on the balancer's rule. `docs/scaling.md` tells it to
//! operators.

mod cluster;
mod leaving;
mod replays;
mod throughput;
