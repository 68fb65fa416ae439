//! What each command does, apart from reading the command line.

pub mod schema;
pub mod signature;
