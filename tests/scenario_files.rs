//! Every scenario file in the repository is valid, described and matches the published schema.
#![cfg(feature = "scenario")]

use std::path::Path;

use leasehold::scenario::{Scenario, discover};

#[test]
fn every_file_loads_and_says_what_and_whence() {
    for file in discover(&["sim-scenarios"]).unwrap() {
        let prepared = Scenario::load(&file, &[]).unwrap_or_else(|error| panic!("{error}"));
        let file = file.display();
        assert!(prepared.scenario.description.is_some(), "{file}: description");
        assert!(prepared.scenario.source.is_some(), "{file}: source");
        for setting in &prepared.settings {
            let expects = !setting.expectations.is_empty() || setting.expected_refusal.is_some();
            assert!(expects, "{file}: {} expects nothing", setting.name);
            assert_ne!(setting.refusal_as_expected(), Some(false), "{file}: {:?}", setting.refusal());
        }
    }
}

#[test]
fn every_file_matches_the_schema() {
    let validator = jsonschema::validator_for(&Scenario::json_schema()).unwrap();
    for file in discover(&["sim-scenarios"]).unwrap() {
        let text = std::fs::read_to_string(&file).unwrap();
        let value = if file.extension().is_some_and(|ext| ext == "toml") {
            toml::from_str(&text).unwrap()
        } else {
            serde_saphyr::from_str::<serde_json::Value>(&text).unwrap()
        };
        let errors: Vec<_> = validator.iter_errors(&value).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", file.display());
    }
}

#[test]
fn what_a_setting_comes_to_is_a_scenario_again() {
    let validator = jsonschema::validator_for(&Scenario::json_schema()).unwrap();
    for file in discover(&["sim-scenarios"]).unwrap() {
        for setting in Scenario::load(&file, &[]).unwrap().settings {
            let resolved = setting.resolved();
            assert!(validator.is_valid(&resolved.to_json()), "{}", resolved.to_yaml());
            let again = resolved.prepare(file.parent().unwrap_or(Path::new("")), &[]).unwrap();
            assert_eq!(format!("{:?}", again.settings[0].outcome), format!("{:?}", setting.outcome));
        }
    }
}
