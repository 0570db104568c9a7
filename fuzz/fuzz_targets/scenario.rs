//! A scenario file; see `leasehold::scenario::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| leasehold::scenario::fuzzing::scenario(data));
