//! The fuzzing corpus, replayed as it is and with random damage: nothing that is sent may cause a panic, or be read in two
//! ways.
//!
//! `tests/data/fuzz` has what people wrote and what once failed, each file named for what it is about; `fuzz/corpus` is what
//! the fuzzer found to be different. `fuzz/README.md` says how to go on where this ends.
#![cfg(feature = "serve")]

use std::path::Path;

use leasehold::scenario::fuzzing::scenario;
use leasehold::serve::fuzzing;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let in_folder = |folder: &str| {
        let entries = std::fs::read_dir(root.join(folder).join(target)).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    };
    let mut files = in_folder("tests/data/fuzz");
    assert!(files.len() >= 4, "{files:?}");
    let found = in_folder("fuzz/corpus");
    assert!(found.len() >= 40, "{found:?}");
    files.extend(found);
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

fn damaged(seeds: &[Vec<u8>], rng: &mut Pcg64Mcg) -> Vec<u8> {
    let below = |rng: &mut Pcg64Mcg, n: usize| (rng.next_u64() % n.max(1) as u64) as usize;
    let mut data = seeds[below(rng, seeds.len())].clone();
    for _ in 0..=below(rng, 4) {
        let at = below(rng, data.len());
        match below(rng, 6) {
            0 if !data.is_empty() => data[at] ^= 1 << below(rng, 8),
            1 if !data.is_empty() => data[at] = rng.next_u64() as u8,
            2 => data.truncate(at),
            3 if !data.is_empty() => _ = data.remove(at),
            4 => {
                let end = (at + below(rng, 40)).min(data.len());
                let part = data[at..end].to_vec();
                let to = below(rng, data.len());
                data.splice(to..to, part);
            }
            _ => {
                let other = &seeds[below(rng, seeds.len())];
                let from = below(rng, other.len());
                let part = other[from..(from + below(rng, 60)).min(other.len())].to_vec();
                data.splice(at..at, part);
            }
        }
    }
    data
}

fn shake(target: &str, times: u32, run: impl Fn(&[u8])) {
    let seeds = corpus(target);
    let try_with = |data: &[u8]| {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(data)));
        assert!(result.is_ok(), "{target}: {:?}", String::from_utf8_lossy(data));
    };
    seeds.iter().for_each(|seed| try_with(seed));
    let mut rng = Pcg64Mcg::seed_from_u64(7);
    for _ in 0..times {
        try_with(&damaged(&seeds, &mut rng));
    }
}

#[test]
fn requests() {
    shake("request", 60_000, fuzzing::request);
}

#[test]
fn patches() {
    shake("patch", 30_000, fuzzing::patch);
}

#[test]
fn scenarios() {
    shake("scenario", 3_000, scenario);
}
