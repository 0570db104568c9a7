#![no_main]

use leasehold::scenario::{Format, Scenario};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let _read = Scenario::parse(&text, Format::Yaml, "fuzz", std::path::Path::new(""), &[]);
});
