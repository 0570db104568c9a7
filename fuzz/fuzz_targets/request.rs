//! A request, or all that comes over one connection; see `leasehold::serve::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| leasehold::serve::fuzzing::request(data));
