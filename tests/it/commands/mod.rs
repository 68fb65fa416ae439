//! The command line, command by command.

mod agreement;
mod config;
mod doctor;
mod events;
mod exchange;
mod exit_codes;
mod explain;
mod purge;
mod sinks;
mod spool;
mod tools;
