//! A patch of any format; see `leasehold::serve::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| leasehold::serve::fuzzing::patch(data));
