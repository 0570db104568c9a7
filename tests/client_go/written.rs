//! Writing a difference down: the recording, and the simulator's side of it as a scenario file.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use leasehold::core::{ClientGo, Config};
use leasehold::replay::{Recording, script_of};
use leasehold::scenario::{
    Condition, Expect, Format, HttpTimeout, Length, Node, Protocol, RuleChanges, Scenario,
    schedule_with_names,
};
use leasehold::sim::plan::NodePlan;
use leasehold::sim::{Outcome, Plan, World};

/// Where a difference is written down.
pub(crate) struct Written {
    pub(crate) recording: PathBuf,
    /// A scenario of the simulator's side, or why there is none.
    pub(crate) scenario: Result<PathBuf, String>,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  both sides: leasehold replay {}", self.recording.display())?;
        match &self.scenario {
            Ok(file) => writeln!(f, "  the simulator's: leasehold run {}", file.display()),
            Err(why) => writeln!(f, "  no scenario file of the simulator's side: {why}"),
        }
    }
}

/// Writes a recording down, and what the simulator makes of it under a plan.
pub(crate) fn write_down(recording: &Recording, plan: &Plan) -> Written {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = recording.schedule.name.chars().map(plain).collect();
    // By what ran: several versions are compared at once, some of them with one preset.
    let name = format!("{}-{name}", recording.elector.replace(' ', "-"));
    let line = serde_json::to_string(recording).expect("a recording is JSON");
    let scenario = scenario_of(recording, plan);
    Written {
        recording: write(&format!("{name}.jsonl"), &(line + "\n")),
        scenario: scenario.map(|yaml| write(&format!("{name}.yaml"), &yaml)),
    }
}

/// Whole or not at all.
fn write(name: &str, text: &str) -> PathBuf {
    let folder = crate::go::folder("leasehold-regressions");
    let (file, unfinished) = (folder.join(name), folder.join(format!(".{name}.{}", std::process::id())));
    fs::write(&unfinished, text).expect("the target folder can be written");
    fs::rename(&unfinished, &file).expect("the target folder can be written");
    file
}

/// Why steps cannot say what happens in a recording, if so.
pub(crate) fn not_recordable(recording: &Recording, plan: &Plan) -> Option<&'static str> {
    let mut messages = recording.schedule.nodes.iter().flat_map(|node| &node.messages);
    let fails = messages.any(|message| message.error.is_some());
    plan.not_recordable().or(fails.then_some("the server fails requests"))
}

/// What the simulator does under a recording's jitter, as an exact schedule that was read back and shows the same.
pub(crate) fn scenario_of(recording: &Recording, plan: &Plan) -> Result<String, String> {
    if let Some(why) = not_recordable(recording, plan) {
        return Err(why.to_owned());
    }
    let mut world = World::new(plan).with_script(script_of(recording));
    let (outcome, steps) = world.run_recorded(0, 0);
    let release = recording.release();
    let nodes = (1..).zip(&plan.nodes).map(|(n, node)| (format!("n{n}"), replica(node, release)));
    let names: Vec<_> = plan.nodes.iter().map(|node| node.name.as_str()).collect();
    let scenario = Scenario {
        name: Some(recording.schedule.name.clone()),
        description: Some(format!(
            "What the simulator does in a recorded run of {}; `leasehold replay` of the recording shows both.",
            recording.elector
        )),
        replicas: u32::try_from(plan.nodes.len()).ok(),
        protocol: Protocol::ALL
            .into_iter()
            .map(|(protocol, _)| protocol)
            .find(|protocol| protocol.client_go() == Some(release)),
        nodes: Some(nodes.collect()),
        schedule: Some(schedule_with_names(&steps, &names)),
        duration: Some(Length::nanos(plan.horizon_ns)),
        expect: Some(expected(outcome.two_leaders_ns)),
        ..Scenario::default()
    };
    let yaml = scenario.to_yaml();
    shows_the_same(&yaml, outcome).map(|()| yaml)
}

/// A replica as its elector is configured: what differs from the release's preset is said.
fn replica(node: &NodePlan, release: ClientGo) -> Node {
    let config = node.elector.unwrap_or_else(|| panic!("{} runs client-go", node.name));
    let timeout = config.request_timeout();
    Node {
        name: Some(node.name.to_string()),
        identity: Some(node.identity.to_string()),
        timings: Some((*config.timings()).into()),
        http_timeout: Some(timeout.map_or(HttpTimeout::None, |timeout| HttpTimeout::After(timeout.into()))),
        release_on_cancel: Some(config.releases_on_cancel()),
        rules: changes(&config, release),
        ..Node::default()
    }
}

fn changes(config: &Config, release: ClientGo) -> Option<RuleChanges> {
    let changes = RuleChanges::between(&release.rules(), config.rules());
    (changes != RuleChanges::default()).then_some(changes)
}

/// Figures are in milliseconds, and floating, so that to ask for equality would be too much: within 10 ns is what is asked.
fn expected(overlap_ns: u64) -> Expect {
    let overlap = overlap_ns as f64 / 1e6;
    let condition = match overlap_ns {
        0 => Condition::Is(0.0),
        _ => Condition::Between(overlap - 1e-5, overlap + 1e-5),
    };
    Expect { refused: None, figures: BTreeMap::from([("two_leaders_ms_max".to_owned(), condition)]) }
}

/// Runs a scenario as it will be read; says what it shows otherwise, if it does.
fn shows_the_same(yaml: &str, outcome: &Outcome) -> Result<(), String> {
    let read = Scenario::parse(yaml, Format::Yaml, "recorded", Path::new(""), &[]);
    let read = read.map_err(|error| format!("it would be refused: {error}"))?;
    let plan = read.settings[0].plan().ok_or("its settings would be refused")?;
    let mut world = World::new(plan);
    let again = world.try_run(1, 0).map_err(|error| error.to_string())?;
    let figures = |of: &Outcome| {
        (of.two_leaders_ns, of.leaderless_ns, of.terms, of.changes, of.transitions_max, of.requests)
    };
    match figures(again) == figures(outcome) {
        true => Ok(()),
        // The simulator's server, unlike the recordings', does not count writes that change nothing.
        false => Err(format!("it shows {:?}, not {:?}", figures(again), figures(outcome))),
    }
}
