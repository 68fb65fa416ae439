//! What the tests stand on. Nothing here names the product's code: it is met as its users meet it.

pub mod balancer;
pub mod brokers;
pub mod callback;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod files;
pub mod http;
pub mod load;
pub mod log;
pub mod metrics;
pub mod process;
pub mod proxy;
pub mod readers;
pub mod relay;
pub mod replica;
pub mod secured;
pub mod sign;
pub mod sim;
pub mod terminal;
pub mod wait;
