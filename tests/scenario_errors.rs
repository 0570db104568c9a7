//! What is wrong with a scenario is said with file, line, column, excerpt and remedy.
#![cfg(feature = "scenario")]

use std::path::Path;

use leasehold::scenario::{Error, Format, Override, Scenario, discover};

fn wrong(yaml: &str) -> String {
    wrong_with(yaml, &[])
}

fn wrong_with(yaml: &str, overrides: &[Override]) -> String {
    let result = Scenario::parse(yaml, Format::Yaml, "x.yaml", Path::new("tests"), overrides);
    result.map(|_| ()).expect_err(yaml).to_string()
}

#[test]
fn an_error_shows_place_excerpt_and_remedy() {
    assert_eq!(
        wrong("replicas: 3\ntimings:\n  leaseDuration: 15s\n"),
        "unknown field `leaseDuration`
 --> x.yaml:3:3
  |
3 |   leaseDuration: 15s
  |   ^^^^^^^^^^^^^
  = help: did you mean `lease_duration`? (known: `lease_duration`, `renew_deadline`, `retry_period`)"
    );
    assert_eq!(
        wrong("settings:\n- {name: fast, timings: {lease_duration: 3s}}"),
        "setting `fast`: n1: client-go refuses 3s/10s/2s: leaseDuration must be greater than renewDeadline
 --> x.yaml:2:42
  |
2 | - {name: fast, timings: {lease_duration: 3s}}
  |                                          ^^
  = help: lease_duration must be above renew_deadline, as 15s is above 10s; a scenario that is about \
         this says `expect: {refused: ...}`"
    );
}

#[test]
fn toml_errors_have_places_too() {
    let wrong =
        |text| Scenario::parse(text, Format::Toml, "x.toml", Path::new(""), &[]).unwrap_err().to_string();
    let text = wrong("replicas = 3\n[timings]\nlease_duration = 15\n");
    assert!(text.starts_with("`15` has no unit\n --> x.toml:3:18\n"), "{text}");
    let text = wrong("[[faults]]\nat = '3s'\ncrash = 'n7'");
    assert!(text.starts_with("there is no replica `n7`\n --> x.toml:3:9\n"), "{text}");
    assert!(wrong("replicas = ").contains("x.toml:1:"), "{}", wrong("replicas = "));
    assert!(wrong("a = 2020-01-01").contains("nothing here is a date"));
}

/// A document, the beginning of the message, and where it points.
const WRONG: &[(&str, &str, &str)] = &[
    ("", "the scenario is empty", "1:1"),
    ("[1, 2]", "the scenario is a list", "1:1"),
    ("replicas: [", "unclosed bracket", "1:11"),
    ("a: b: c", "mapping values are not allowed", "1:5"),
    ("replicas: 3\nreplicas: 4", "`replicas` is written twice", "2:1"),
    ("descripton: x", "unknown field `descripton`", "1:1"),
    ("name: [1]", "here is a list; it must be a text", "1:7"),
    ("seed: -1", "here is the number -1; it must be a whole number, 0 or more", "1:7"),
    ("replicas: three", "here is the text `three`; it must be a whole number", "1:11"),
    ("replicas: 0", "replicas: 0 leaves nothing to elect", "1:11"),
    ("runs: 0", "runs: 0 leaves nothing to run", "1:7"),
    ("stop_after_failovers: 0", "stop_after_failovers: 0 leaves nothing", "1:23"),
    ("duration: 0s", "the run lasts no time", "1:11"),
    ("protocol: strickt", "`strickt` is not known here", "1:11"),
    ("timings:\n  lease_duration: 15", "`15` has no unit", "2:19"),
    ("start: 0.5", "`0.5` has no unit", "1:8"),
    ("http_timeout: 5", "`5` has no unit", "1:15"),
    ("http_timeout: nil", "`nil` is not a length of time", "1:15"),
    ("timings: {lease_duration: 2LD}", "`2LD` depends on the settings", "1:27"),
    ("timings: {renew_deadline: 20s}", "n1: client-go refuses 15s/20s/2s: leaseDuration must", "1:27"),
    ("timings: {retry_period: 9s}", "n1: client-go refuses 15s/10s/9s: renewDeadline must", "1:25"),
    ("nodes: {n2: {timings: {lease_duration: 5s}}}", "n2: client-go refuses 5s/10s/2s", "1:40"),
    (
        "protocol: strict\ntimings: {renew_deadline: 14.99s}",
        "n1: strict refuses 15s/14.99s/2s: RenewDe",
        "2:27",
    ),
    ("rules: {wait: recrod}", "`recrod` is not a value of this rule", "1:15"),
    ("nodes: {n9: {drain: 1s}}", "there is no replica `n9`: with 3, they are n1 to n3", "1:9"),
    ("nodes: {n1: {name: n2}}", "two replicas are called `n2`: n1 and n2", "1:20"),
    ("nodes: {n1: {name: leader}}", "`leader` cannot be a replica's name", "1:20"),
    ("clock: {rate_ppm: -1000000}", "a clock cannot be wrong by -1000000 ppm", "1:19"),
    ("network: inzone", "`inzone` is not known here", "1:10"),
    ("network: {loss: 5}", "a rate of 5 is not between 0 and 1", "1:17"),
    ("start: {unifrom: [1s, 2s]}", "`unifrom` is not known here", "1:9"),
    ("start: {uniform: [1s]}", "here are 1; it must be a list of two", "1:18"),
    ("start: {uniform: [2s, 1s]}", "the window ends before it begins: 2s is after 1s", "1:9"),
    ("start: {uniform: [1s, 2s], csv: {}}", "here must be exactly one key", "1:8"),
    ("start: {log_normal: {median: 1s, sigma: -1}}", "sigma must be a number, 0 or more", "1:41"),
    ("start: {csv: {file: no.csv, column: x, unit: ms}}", "cannot read tests/no.csv: No such file", "1:21"),
    ("server: {errors: [{error: forbidden, applied: true}]}", "such a request is never applied", "1:47"),
    ("faults: crash", "here is the text `crash`; it must be a list", "1:9"),
    ("faults: [{at: 3s}]", "the fault does nothing", "1:10"),
    ("faults: [{crash: n1}]", "nothing sets the fault off", "1:10"),
    ("faults: [{at: 3s, crash: n1, pause: n1}]", "a fault does one thing, not `crash` and `pause`", "1:10"),
    ("faults: [{at: 1s, after: x, crash: n1}]", "a fault has one of `at`, `when` and `after`", "1:10"),
    ("faults: [{at: 3s, crash: n7}]", "there is no replica `n7`", "1:26"),
    ("faults: [{at: 3s, partition: {who: n7}}]", "there is no replica `n7`", "1:36"),
    ("faults: [{at: 61s, crash: n1}]\nduration: 1m", "`crash` can never happen: not before 61s", "1:15"),
    (
        "faults: [{when: {leading: n1, for: 70RP}, crash: n1}]",
        "`crash` can never happen: not before 140s, and a run ends at 120s",
        "1:11",
    ),
    (
        "faults: [{at: 99s, for: 20s, pause: n1}, {name: x, after: pause, crash: n1}]\nduration: 110s",
        "`x` can never happen: not before 119s",
        "1:59",
    ),
    ("faults: [{at: 10s, until: 8s, pause: n1}]", "the window ends before it begins: until 8s", "1:27"),
    ("faults: [{at: 1s, for: 3s, terminate: n1}]", "`terminate` is over at once", "1:24"),
    ("faults: [{at: 1s, times: 3, delete_lease: true}]", "`times` does not say how long after", "1:26"),
    ("faults: [{at: 1s, every: 0s, delete_lease: true}]", "this would come again without end", "1:26"),
    ("faults: [{at: 1s, delete_lease: false}]", "write `true`, or leave the whole entry out", "1:33"),
    ("faults: [{at: 1s, edit_lease: {set_holdr: x}}]", "`set_holdr` is not known here", "1:32"),
    ("faults: [{at: 1s, edit_lease: {set_duration: 1.5s}}]", "leaseDurationSeconds cannot be 1.5s", "1:46"),
    ("faults: [{at: 1s, link: {who: n1, effect: {dealy: 1s}}}]", "`dealy` is not known here", "1:44"),
    (
        "faults: [{at: 1s, throttle: {who: n1, period: 1s, stopped: 1s}}]",
        "of every 1s, 1s are stopped",
        "1:60",
    ),
    ("faults: [{when: {leading: leader}, crash: n1}]", "`leader` is not known before it happens", "1:27"),
    ("faults: [{when: {leading: n1, delay: 3s}, crash: n1}]", "with `leading`, write `for`", "1:17"),
    ("faults: [{when: {leading: n1, nth: 0}, crash: n1}]", "occurrences count from 1", "1:36"),
    ("faults: [{name: a, after: a, crash: n1}]", "fault `a` waits for itself", "1:27"),
    (
        "faults: [{name: a, after: b, crash: n1}, {name: b, when: {fault_began: a}, crash: n1}]",
        "faults wait for each other: `a` waits for `b` waits for `a`",
        "1:27",
    ),
    ("faults: [{at: 1s, crash: n1}, {after: crush, start: n1}]", "there is no fault called `crush`", "1:39"),
    (
        "faults: [{at: 1s, crash: n1}, {at: 2s, crash: n2}, {after: crash, start: n1}]",
        "several faults are called `crash`",
        "1:60",
    ),
    ("faults: [{at: 1s, pause: n1}, {after: pause, start: n1}]", "`pause` lasts to the end", "1:39"),
    ("schedule: [{at: 1s}]", "nothing happens in this step: it needs one of start, wake", "1:12"),
    ("schedule: [{wake: n1}]", "the step has no instant: it needs `at`", "1:12"),
    (
        "schedule: [{at: 1s, wake: n1, crash: n1}]",
        "one thing happens in a step, not `wake` and `crash`",
        "1:12",
    ),
    ("schedule: [{at: 1s, wkae: n1}]", "unknown field `wkae`", "1:21"),
    ("schedule: [{at: 1, wake: n1}]", "`1` has no unit", "1:17"),
    ("schedule: [{at: 1s, start: leader}]", "there is no replica `leader`", "1:28"),
    ("schedule: [{at: 1s, start: {who: n7, new_identity: true}}]", "there is no replica `n7`", "1:34"),
    ("schedule: [{at: 1s, arrive: {who: n1}}]", "`request` is missing", "1:29"),
    ("schedule: [{at: 1s, edit: vanish}]", "`vanish` is not known here", "1:27"),
    ("schedule: [{at: 1s, edit: {set_duration: 1.5s}}]", "leaseDurationSeconds cannot be 1.5s", "1:42"),
    ("schedule: [{at: 1s, clock_rate: {who: n1, rate_ppm: -1000000}}]", "a clock cannot be wrong by", "1:53"),
    ("schedule: [{at: 2s, start: n1}, {at: 1s, start: n2}]", "schedule[1]: 1s is before 2s", "1:33"),
    ("schedule: [{at: 1s, start: n1}, {at: 9s, wake: n1}]", "schedule[1]: n1 has no timer due at 9s", "1:33"),
    (
        "schedule: [{at: 1s, start: n1}, {at: 1s, arrive: {who: n1, request: 0}}]",
        "schedule[1]: n1 has sent no",
        "1:33",
    ),
    ("schedule: []", "the run lasts no time", "1:1"),
    ("start: 1s\nschedule: []", "`start` does not go with `schedule`", "1:8"),
    ("schedule: []\nfaults: []", "`faults` does not go with `schedule`", "2:1"),
    ("schedule: []\nnodes: {n2: {network: loopback}}", "`network` does not go with `schedule`", "2:23"),
    ("expect: {two_leader_ms_max: 0}", "`two_leader_ms_max` is not a figure that is measured", "1:10"),
    ("expect: {failovers: '!3'}", "`!3` is not a condition", "1:21"),
    ("expect: {failovers: 3..1}", "`3..1` holds of nothing", "1:21"),
    ("expect: {failover_s.crash.p50: 3}", "`failover_s.crash.p50`: no fault is called `crash`", "1:32"),
    ("settings: [{replicas: 3}]", "a setting needs a `name`", "1:12"),
    ("settings: [{name: a}, {name: a}]", "two settings are called `a`", "1:30"),
    ("settings: [{name: a, settings: []}]", "setting `a`: a setting cannot have settings", "1:22"),
];

#[test]
fn everything_that_is_wrong_is_said_where_it_is() {
    for (yaml, message, place) in WRONG {
        let text = wrong(yaml);
        assert!(text.starts_with(message), "{yaml}\n{text}");
        assert!(text.contains(&format!("--> x.yaml:{place}\n")), "{place}: {yaml}\n{text}");
    }
}

#[test]
fn an_error_in_an_override_names_the_override() {
    let set = |text: &str| text.parse::<Override>().unwrap();
    let text = wrong_with("replicas: 3", &[set("timings.lease_duration=15")]);
    assert!(text.starts_with("`15` has no unit\n --> override `timings.lease_duration=15`\n"), "{text}");
    let text = wrong_with("replicas: 3", &[set("nodes.n1.drian=3s")]);
    assert!(text.contains("--> override `nodes.n1.drian=3s`\n = help: did you mean `drain`?"), "{text}");
    let text = wrong_with("faults: []", &[set("faults[0].at=3s")]);
    assert_eq!(text, "override `faults[0].at=3s`: there is no [0]: the list has 0 items, counted from [0]");
    // The file's own value is good; the override makes it wrong.
    let short = Override::shorthand("lease-duration", "5s").unwrap();
    let text = wrong_with("timings: {renew_deadline: 10s}", &[short]);
    assert!(text.contains("--> override `--lease-duration 5s`"), "{text}");
    // The file's own fault stays the file's.
    let text = wrong_with("replicas: 3\nseed: x", &[set("runs=3")]);
    assert!(text.contains("--> x.yaml:2:7"), "{text}");
}

#[test]
fn an_override_must_be_a_path_and_a_value() {
    for text in ["seed", "=3", "a..b=3", "seed=", "faults[x]=3", "seed=[1"] {
        let error = text.parse::<Override>().unwrap_err();
        assert!(matches!(error, Error::Override { .. }), "{text}");
        assert!(error.to_string().contains(text), "{error}");
    }
    assert!(Override::shorthand("speed", "3").is_err());
}

#[test]
fn csv_files_are_read_where_and_as_asked() {
    let csv = |column: &str, filter: &str| {
        format!("start: {{csv: {{file: scenario_samples.csv, column: {column}, where: {filter}, unit: ms}}}}")
    };
    let text = csv("ms", "{condition: idle, verb: update}");
    let prepared = Scenario::parse(&text, Format::Yaml, "x", Path::new("tests"), &[]).unwrap();
    let start = &prepared.settings[0].plan().unwrap().nodes[0].start;
    let leasehold::sim::plan::Draw::Samples(samples) = start else { panic!("{start:?}") };
    assert_eq!(**samples, [1_652_000, 1_940_000]);

    let text = wrong(&csv("msec", "{}"));
    assert!(text.starts_with("tests/scenario_samples.csv has no column `msec`"), "{text}");
    assert!(text.contains("its columns are condition, verb, ms"), "{text}");
    assert!(wrong(&csv("ms", "{verb: list}")).contains("has no such samples"));
    assert!(wrong(&csv("verb", "{}")).contains("scenario_samples.csv:3: `update` is not a length of time"));
}

#[test]
fn files_that_are_none_are_told_apart() {
    let directory = std::env::temp_dir().join(format!("leasehold-scenario-{}", std::process::id()));
    std::fs::create_dir_all(directory.join("empty/.hidden")).unwrap();
    std::fs::write(directory.join("b.yaml"), "replicas: 3").unwrap();
    std::fs::write(directory.join("a.toml"), "replicas = 3").unwrap();
    std::fs::write(directory.join("note.txt"), "").unwrap();

    let found = discover(&[&directory, &directory.join("b.yaml")]).unwrap();
    assert_eq!(found, [directory.join("a.toml"), directory.join("b.yaml")]);
    assert!(matches!(discover(&[directory.join("empty")]), Err(Error::Empty { .. })));
    assert!(matches!(discover(&[directory.join("note.txt")]), Err(Error::NotAScenario { .. })));
    assert!(matches!(discover(&[directory.join("no.yaml")]), Err(Error::Read { .. })));
    assert!(matches!(Scenario::load(&directory.join("no.yaml"), &[]), Err(Error::Read { .. })));
    std::fs::remove_dir_all(directory).unwrap();
}
