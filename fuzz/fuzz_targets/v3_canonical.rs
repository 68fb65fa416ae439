#![no_main]

#[path = "../../tests/it/attacks/targets.rs"]
#[allow(dead_code)] // Each program runs one of them.
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::v3_canonical(data));
