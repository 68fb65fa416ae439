//! The simulator; everything is in the library.

fn main() {}
