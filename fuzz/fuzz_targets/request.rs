#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| leasehold::serve::fuzzing::request(data));
