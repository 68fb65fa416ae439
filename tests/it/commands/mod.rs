//! The command line, command by command.

mod config;
mod events;
mod exit_codes;
mod sinks;
mod tools;
