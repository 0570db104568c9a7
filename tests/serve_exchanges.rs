//! Replays recorded exchanges with a real server over HTTP: the same status, headers and body, except for what differs from
//! run to run: uids and resourceVersions (renamed alike everywhere), times of creation, continue tokens, ages in tables.
//!
//! `data/lease-api-exchanges-2.jsonl` was recorded on 2026-11-28 from kube-apiserver v1.36.3, built from its modules with
//! Go 1.26.8, and etcd 3.6.8, on loopback: `--authorization-mode=AlwaysAllow`, `--token-auth-file` with users in
//! `system:masters`, admission plugin ServiceAccount off, feature gates APIServerIdentity and
//! UnknownVersionInteroperabilityProxy off, all else by default. Its form is that of the first set, with three fields more:
//! `body_base64` (a body that is no text), `response_lines` (a watch's events), `retry_after` (the header).
//!
//! `data/lease-api-exchanges-3.jsonl` was recorded from the same server on 2026-11-29, in a namespace `brkns`: what a second
//! comparison found to be different.
#![cfg(feature = "serve")]

mod serve;

use std::collections::BTreeMap;

use serde_json::Value;
use serve::TestServer;

const RECORDED: &str = include_str!("data/lease-api-exchanges.jsonl");
const RECORDED_2: &str = include_str!("data/lease-api-exchanges-2.jsonl");
const RECORDED_3: &str = include_str!("data/lease-api-exchanges-3.jsonl");

#[test]
fn the_server_answers_as_the_recorded_one_did() {
    assert_eq!(replayed(RECORDED), 62);
}

#[test]
fn the_server_answers_as_the_recorded_one_did_to_a_second_set() {
    assert_eq!(replayed(RECORDED_2), 1_349);
}

#[test]
fn the_server_answers_as_the_recorded_one_did_to_a_third_set() {
    let server = TestServer::start();
    let namespace = serde_json::json!({ "metadata": { "name": "brkns" } });
    assert_eq!(server.ask("POST", "/api/v1/namespaces").json(&namespace).send().status, 201);
    assert_eq!(replayed_on(&server, RECORDED_3), 152);
}

/// Replays a recording on a new server; how many exchanges it had.
fn replayed(recorded: &str) -> usize {
    replayed_on(&TestServer::start(), recorded)
}

fn replayed_on(server: &TestServer, recorded: &str) -> usize {
    let mut replay = Replay::default();
    let mut differences = Vec::new();
    for line in recorded.lines().filter(|line| !line.trim().is_empty()) {
        let step: Value = serde_json::from_str(line).unwrap();
        let name = format!("{}/{}", text(&step["case"]), text(&step["name"]));
        differences.extend(replay.step(server, &step).into_iter().map(|what| format!("{name}: {what}")));
    }
    assert!(differences.is_empty(), "\n{}\n", differences.join("\n"));
    replay.compared
}

/// Another recording of the same form, where somebody has one: `LEASEHOLD_TEST_EXCHANGES` names the file.
#[test]
fn another_recording_is_replayed_where_there_is_one() {
    let Ok(path) = std::env::var("LEASEHOLD_TEST_EXCHANGES") else {
        serve::say("skipped: LEASEHOLD_TEST_EXCHANGES is not set");
        return;
    };
    let recorded = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert!(replayed(&recorded) > 0, "{path} is empty");
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
        if let Some(body) = step.get("body_base64") {
            ask = ask.body(from_base64(text(body)));
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
        let retry_after = answer.header("retry-after").unwrap_or("");
        if step.get("retry_after").is_some() {
            compare("retry-after", retry_after.into(), text(&step["retry_after"]).into());
        }
        if step["response"].is_string() {
            compare("body", answer.text(), text(&step["response"]).into());
            return differences;
        }
        if step.get("response_lines").is_some() {
            let lines = answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            self.compare("", &Value::Array(lines), &step["response_lines"], &mut differences);
            return differences;
        }
        let Ok(ours) = serde_json::from_slice(&answer.body) else {
            differences.push(format!("body: {}, recorded {}", answer.text(), step["response"]));
            return differences;
        };
        for (variable, pointer) in step["capture"].as_object().into_iter().flatten() {
            let value: &str = Value::pointer(&ours, text(pointer)).map(text).unwrap_or_default();
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
            (Value::Array(a), Value::Array(b))
                if key == "managedFields"
                    && a.len() == b.len()
                    && (of_several_seconds(a) || of_several_seconds(b)) =>
            {
                for (index, (a, b)) in by_manager(a).into_iter().zip(by_manager(b)).enumerate() {
                    self.compare(&format!("{path}/{index}"), a, b, differences);
                }
            }
            (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
                for (index, (a, b)) in a.iter().zip(b).enumerate() {
                    self.compare(&format!("{path}/{index}"), a, b, differences);
                }
            }
            (Value::Array(a), Value::Array(b)) => {
                let shown = |list: &[Value]| Value::from(list).to_string();
                differences.push(format!("{path}: {} items, recorded {}", a.len(), b.len()));
                differences.push(format!("  {}\n  {}", shown(a), shown(b)));
            }
            (Value::String(a), Value::String(b)) => match key {
                _ if path.contains("/cells/") && is_age(a) && is_age(b) => {}
                "creationTimestamp" | "deletionTimestamp" | "time" | "continue" => {}
                "uid" | "resourceVersion" if !a.is_empty() && !b.is_empty() => {
                    match self.names.iter().find(|(theirs, _)| theirs == b) {
                        Some((_, known)) if known == a => {}
                        Some((_, known)) => differences.push(format!("{path}: {a}, expected {known}")),
                        None => self.names.push((b.clone(), a.clone())),
                    }
                }
                _ if without_times(a) != without_times(&self.renamed(b)) => {
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
        let mut rest = text;
        while !rest.is_empty() {
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
            let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            if length == 0 {
                let c = rest.chars().next().unwrap_or_default();
                renamed.push(c);
                rest = &rest[c.len_utf8()..];
                continue;
            }
            let (word, after) = rest.split_at(length);
            let ours = |word: &str| {
                let found = self.names.iter().find(|(theirs, _)| theirs == word);
                found.map(|(_, ours)| ours.clone())
            };
            let is_version = VERSIONS.iter().any(|before| renamed.ends_with(before));
            const UID_BYTES: usize = 36;
            match word.split_at_checked(UID_BYTES) {
                Some((uid, more)) if uid.matches('-').count() == 4 => {
                    renamed.push_str(&ours(uid).unwrap_or_else(|| uid.into()));
                    renamed.push_str(more);
                }
                _ if is_version => renamed.push_str(&ours(word).unwrap_or_else(|| word.into())),
                _ => renamed.push_str(word),
            }
            rest = after;
        }
        renamed
    }
}

/// Whether managed fields were written in more than one second: their order is that of their times first, and a second may
/// end between any two requests.
fn of_several_seconds(entries: &[Value]) -> bool {
    entries.iter().any(|entry| entry["time"] != entries[0]["time"])
}

fn by_manager(entries: &[Value]) -> Vec<&Value> {
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_by_key(|entry| {
        ["operation", "manager", "apiVersion", "subresource"].map(|name| entry[name].to_string())
    });
    entries
}

/// What stands before a resourceVersion in a text.
const VERSIONS: [&str; 5] =
    ["record (", "object meta: ", "current: ", "resourceVersion\\\":\\\"", "resourceVersion\":\""];

/// A text that shows an object, without the times in it.
fn without_times(text: &str) -> String {
    let mut parts = text.split("imestamp");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str("imestamp");
        let is_time = |c: char| c.is_ascii_digit() || ":-TZ\\\"".contains(c);
        kept.push_str(part.trim_start_matches(is_time));
    }
    let mut parts = kept.split("time\\\":\\\"");
    let mut without = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        without.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit() || ":-TZ".contains(c)));
    }
    without
}

/// Whether a table's cell is an age, such as `2m5s`.
fn is_age(cell: &str) -> bool {
    cell == "<unknown>"
        || cell.ends_with(['s', 'm', 'h', 'd', 'y']) && cell.starts_with(|c: char| c.is_ascii_digit())
}

fn from_base64(text: &str) -> Vec<u8> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for digit in text.trim_end_matches('=').chars() {
        bits = bits << 6 | u32::try_from(ALPHABET.find(digit).unwrap()).unwrap();
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).unwrap());
        }
    }
    bytes
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
