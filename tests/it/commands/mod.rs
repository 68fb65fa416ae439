//! The command line, command by command.

mod agreement;
mod config;
mod events;
mod exchange;
mod exit_codes;
mod explain;
mod purge;
mod sinks;
mod spool;
mod tools;
