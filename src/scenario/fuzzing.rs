//! The entry point for fuzzing: any text as a scenario file. It may not panic, and what loads must be the same
//! scenario, with the same plans, after it was written out.

use std::path::Path;

use super::model::Scenario;
use super::prepared::Prepared;
use super::source::Format;

/// A scenario file, as YAML and as TOML.
pub fn scenario(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for format in [Format::Yaml, Format::Toml] {
        match parse(&text, format) {
            Ok(prepared) => reads_back(&prepared),
            Err(error) => assert!(!error.is_empty(), "an error without a word"),
        }
    }
}

fn parse(text: &str, format: Format) -> Result<Prepared, String> {
    // There is no such folder, so that a scenario's own files are none of this machine's.
    let nowhere = Path::new("nowhere");
    Scenario::parse(text, format, "fuzz", nowhere, &[]).map_err(|error| error.to_string())
}

fn reads_back(prepared: &Prepared) {
    let yaml = prepared.scenario.to_yaml();
    match parse(&yaml, Format::Yaml) {
        Ok(again) => {
            assert_eq!(again.scenario, prepared.scenario, "{yaml}");
            assert_eq!(plans(&again), plans(prepared), "{yaml}");
        }
        Err(error) => panic!("what was written does not load: {error}\n{yaml}"),
    }
}

fn plans(prepared: &Prepared) -> Vec<String> {
    let shown = |setting: &super::prepared::Setting| {
        let super::prepared::Setting { name, outcome, runs, seed, .. } = setting;
        format!("{name} {runs} {seed} {outcome:?}")
    };
    prepared.settings.iter().map(shown).collect()
}
