//! Replays recorded exchanges with a real server over HTTP: the same status, headers and body, except for what differs from
//! run to run: uids and resourceVersions (renamed alike everywhere), times of creation, continue tokens.
#![cfg(feature = "serve")]

mod serve;

use std::collections::BTreeMap;

use serde_json::Value;
use serve::TestServer;

const RECORDED: &str = include_str!("data/lease-api-exchanges.jsonl");

#[test]
fn the_server_answers_as_the_recorded_one_did() {
    let server = TestServer::start();
    let mut replay = Replay::default();
    let mut differences = Vec::new();
    for line in RECORDED.lines() {
        let step: Value = serde_json::from_str(line).unwrap();
        let name = format!("{}/{}", text(&step["case"]), text(&step["name"]));
        differences.extend(replay.step(&server, &step).into_iter().map(|what| format!("{name}: {what}")));
    }
    assert!(differences.is_empty(), "\n{}\n", differences.join("\n"));
    assert_eq!(replay.compared, 62);
}

/// Another recording of the same form, where somebody has one: `LEASEHOLD_TEST_EXCHANGES` names the file.
#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn another_recording_is_replayed_where_there_is_one() {
    let Ok(path) = std::env::var("LEASEHOLD_TEST_EXCHANGES") else {
        eprintln!("skipped: LEASEHOLD_TEST_EXCHANGES is not set");
        return;
    };
    let server = TestServer::start();
    let mut replay = Replay::default();
    let recorded = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut differences = Vec::new();
    for line in recorded.lines().filter(|line| !line.trim().is_empty()) {
        let step: Value = serde_json::from_str(line).unwrap();
        let name = format!("{}/{}", text(&step["case"]), text(&step["name"]));
        differences.extend(replay.step(&server, &step).into_iter().map(|what| format!("{name}: {what}")));
    }
    assert!(differences.is_empty(), "\n{}\n", differences.join("\n"));
}

/// A recording replayed with one thing changed must not pass.
#[test]
fn a_difference_is_noticed() {
    for (from, to) in [
        ("\"status\": 409", "\"status\": 200"),
        ("already exists", "is already there"),
        (
            "\"holderIdentity\": \"a\", \"leaseDurationSeconds\": 15, \"leaseTransitions\": 0, \"renewTime\": \"2026-11-21T06:00:00.000000Z\"}}, \"status\"",
            "\"holderIdentity\": \"z\"}}, \"status\"",
        ),
        ("\"f:holderIdentity\"", "\"f:holder\""),
    ] {
        let changed = RECORDED.replacen(from, to, 1);
        assert_ne!(changed, RECORDED, "{from}");
        let server = TestServer::start();
        let mut replay = Replay::default();
        let differs = changed
            .lines()
            .take(5)
            .any(|line| !replay.step(&server, &serde_json::from_str(line).unwrap()).is_empty());
        assert!(differs, "{from} -> {to}");
    }
}

#[derive(Default)]
struct Replay {
    variables: BTreeMap<String, String>,
    /// Recorded uids and resourceVersions, and ours.
    names: Vec<(String, String)>,
    compared: usize,
}

impl Replay {
    /// What is different in one exchange.
    fn step(&mut self, server: &TestServer, step: &Value) -> Vec<String> {
        let mut ask = server.ask(text(&step["method"]), &self.filled(text(&step["path"])));
        let headers = step["headers"].as_object().into_iter().flatten();
        let mut has_type = false;
        for (name, value) in headers {
            has_type |= name.eq_ignore_ascii_case("content-type");
            ask = ask.header(name, text(value));
        }
        match step.get("body") {
            None | Some(Value::Null) => {}
            Some(Value::String(body)) => ask = ask.body(self.filled(body)),
            Some(body) => ask = ask.body(self.filled(&body.to_string())),
        }
        if !has_type && step.get("body").is_some() {
            ask = ask.header("Content-Type", "application/json");
        }
        let answer = ask.send();
        self.compared += 1;
        let mut differences = Vec::new();
        let mut compare = |what: &str, ours: String, theirs: String| {
            if ours != theirs {
                differences.push(format!("{what}: {ours}, recorded {theirs}"));
            }
        };
        compare("status", answer.status.to_string(), step["status"].to_string());
        let content_type = answer.header("content-type").unwrap_or("");
        compare("content type", content_type.into(), text(&step["content_type"]).into());
        let warnings: Vec<_> = step["warnings"].as_array().into_iter().flatten().map(text).collect();
        compare("warnings", format!("{:?}", answer.warnings()), format!("{warnings:?}"));
        if step["response"].is_string() {
            compare("body", answer.text(), text(&step["response"]).into());
            return differences;
        }
        let ours = answer.json();
        for (variable, pointer) in step["capture"].as_object().into_iter().flatten() {
            let value = ours.pointer(text(pointer)).map(text).unwrap_or_default();
            self.variables.insert(variable.clone(), value.to_owned());
        }
        self.compare("", &ours, &step["response"], &mut differences);
        differences
    }

    fn filled(&self, template: &str) -> String {
        self.variables.iter().fold(template.to_owned(), |text, (variable, value)| {
            text.replace(&format!("{{{{{variable}}}}}"), value)
        })
    }

    fn compare(&mut self, path: &str, ours: &Value, theirs: &Value, differences: &mut Vec<String>) {
        let key = path.rsplit('/').next().unwrap_or("");
        match (ours, theirs) {
            (Value::Object(a), Value::Object(b)) => {
                let mut keys: Vec<_> = a.keys().chain(b.keys()).collect();
                keys.sort();
                keys.dedup();
                // Names are learned before messages that contain them are compared.
                keys.sort_by_key(|key| *key == "message" || *key == "causes");
                for key in keys {
                    match (a.get(key), b.get(key)) {
                        (Some(a), Some(b)) => self.compare(&format!("{path}/{key}"), a, b, differences),
                        (Some(a), None) => differences.push(format!("{path}/{key}: {a}, recorded without")),
                        (None, b) => differences.push(format!("{path}/{key}: missing, recorded {b:?}")),
                    }
                }
            }
            (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
                for (index, (a, b)) in a.iter().zip(b).enumerate() {
                    self.compare(&format!("{path}/{index}"), a, b, differences);
                }
            }
            (Value::String(a), Value::String(b)) => match key {
                "creationTimestamp" | "deletionTimestamp" | "time" | "continue" => {}
                "uid" | "resourceVersion" if !a.is_empty() && !b.is_empty() => {
                    match self.names.iter().find(|(theirs, _)| theirs == b) {
                        Some((_, known)) if known == a => {}
                        Some((_, known)) => differences.push(format!("{path}: {a}, expected {known}")),
                        None => self.names.push((b.clone(), a.clone())),
                    }
                }
                _ if *a != self.renamed(b) => {
                    differences.push(format!("{path}:\n  {a}\n  {}", self.renamed(b)))
                }
                _ => {}
            },
            _ if ours != theirs => differences.push(format!("{path}: {ours}, recorded {theirs}")),
            _ => {}
        }
    }

    /// A recorded text with our uids and resourceVersions.
    fn renamed(&self, text: &str) -> String {
        let mut renamed = String::new();
        let mut word = String::new();
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
        for c in text.chars().chain(['\0']) {
            if is_word(c) {
                word.push(c);
                continue;
            }
            let is_name = word.len() == 36 || renamed.ends_with("record (");
            let ours = self.names.iter().find(|(theirs, _)| is_name && *theirs == word);
            renamed.push_str(ours.map_or(&word, |(_, ours)| ours));
            word.clear();
            if c != '\0' {
                renamed.push(c);
            }
        }
        renamed
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
