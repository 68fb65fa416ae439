//! Every seed of the fuzz targets, and every input that once made one fail, run through the same code on stable.

use std::fs;

use super::targets::TARGETS;
use crate::support::readers::manifest;

#[test]
fn nothing_that_was_fuzzed_or_found_makes_a_target_fail() {
    let seeds = manifest("fuzz/seeds");
    let mut names: Vec<_> =
        fs::read_dir(&seeds).unwrap().map(|dir| dir.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    let mut known: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
    known.sort_unstable();
    assert_eq!(names, known, "each target has seeds, and each seed its target");
    for (name, target) in TARGETS {
        let inputs = fs::read_dir(seeds.join(name)).unwrap();
        let inputs: Vec<_> = inputs.map(|input| fs::read(input.unwrap().path()).unwrap()).collect();
        assert!(inputs.len() > 3, "{name}");
        for whole in &inputs {
            target(whole);
            // And what is left of it when its end or its beginning is missing.
            for cut in (0..whole.len()).step_by(7) {
                target(&whole[..cut]);
                target(&whole[cut..]);
            }
        }
    }
}

/// Seeds that are turned away at the door teach a fuzzer nothing.
#[test]
fn rows_among_the_seeds_are_read() {
    for name in ["row", "row-form"] {
        let row = fs::read(manifest("fuzz/seeds/spool_record").join(name)).unwrap();
        let mut rest = row.as_slice();
        let columns = std::array::from_fn(|_| super::targets::column(&mut rest));
        assert!(tendlc_relay::spool::stored::record(columns).is_some(), "{name}");
    }
    use tendlc_relay::spool::stored;
    let seed = |name: &str| fs::read(manifest("fuzz/seeds/spool_record").join(name)).unwrap();
    assert!(stored::notes(&seed("notes")));
    assert!(stored::mark(&seed("mark")));
    assert!(stored::cursor(&seed("cursor")));
}
