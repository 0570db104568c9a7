//! From a file, a text or a value to plans.

use std::fs;
use std::path::{Path as FilePath, PathBuf};

use super::build::{Build, Origin, Samples};
use super::de;
use super::error::{Diagnostic, Error};
use super::expect::{Condition, Expectation};
use super::metrics;
use super::model::Scenario;
use super::overrides::Override;
use super::path::Path;
use super::prepared::{Outcome, Prepared, Setting};
use super::ser;
use super::source::{Format, Source};
use super::suggest::nearest;
use super::tree::{Mark, Node, Value};

impl Scenario {
    /// Reads a scenario file, lays overrides over it, checks everything and makes a plan for each
    /// setting.
    ///
    /// # Errors
    /// If the file cannot be read or anything in it, or in an override, is wrong.
    pub fn load(path: &FilePath, overrides: &[Override]) -> Result<Prepared, Error> {
        let format = Format::of(path).ok_or_else(|| Error::NotAScenario { path: path.to_owned() })?;
        let text =
            fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let source = Source { name: path.display().to_string(), text };
        let tree = source.parse(format)?;
        let directory = path.parent().unwrap_or(FilePath::new(""));
        let origin = Origin { source: Some(&source), overrides, directory };
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        prepare(tree, origin, &stem, Some(path.to_owned()))
    }

    /// Like [`Scenario::load`], from a text. `name` is for messages; CSV files are looked for in
    /// `directory`.
    ///
    /// # Errors
    /// If anything in the text, or in an override, is wrong.
    pub fn parse(
        text: &str,
        format: Format,
        name: &str,
        directory: &FilePath,
        overrides: &[Override],
    ) -> Result<Prepared, Error> {
        let source = Source { name: name.to_owned(), text: text.to_owned() };
        let tree = source.parse(format)?;
        prepare(tree, Origin { source: Some(&source), overrides, directory }, name, None)
    }

    /// Checks a scenario that was built in code and makes a plan for each setting. CSV files are
    /// looked for in `directory`.
    ///
    /// # Errors
    /// If anything in it, or in an override, is wrong.
    pub fn prepare(&self, directory: &FilePath, overrides: &[Override]) -> Result<Prepared, Error> {
        prepare(self.tree(), Origin { source: None, overrides, directory }, "scenario", None)
    }

    /// As a JSON value of the same form.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        (&self.tree()).into()
    }

    fn tree(&self) -> Node {
        // What could fail is a form that nothing in a scenario has.
        ser::tree(self).unwrap_or_else(|_| Node::empty_map())
    }

    /// As a YAML file that [`Scenario::load`] reads back as the same scenario.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        // JSON is YAML, should YAML ever fail.
        serde_saphyr::to_string(&self.tree()).unwrap_or_else(|_| self.to_json().to_string())
    }
}

fn prepare(mut root: Node, origin: Origin<'_>, stem: &str, file: Option<PathBuf>) -> Result<Prepared, Error> {
    if !matches!(root.value, Value::Map(_)) {
        let what = if matches!(root.value, Value::Null) { "empty" } else { root.value.kind() };
        let message = format!("the scenario is {what}; it must be a map of fields such as `replicas: 3`");
        return Err(invalid(message, None, None, root.mark, &Path::top(), origin));
    }
    for (index, over) in origin.overrides.iter().enumerate() {
        over.apply(&mut root, index)?;
    }
    // The whole document first: an error in it is the document's, not one setting's.
    let mut scenario: Scenario = typed(&root, None, origin)?;
    note_what_is_taken_away(&mut scenario, &root);
    let name = scenario.name.clone().unwrap_or_else(|| stem.to_owned());
    check_names(&scenario, &root, origin)?;

    let mut base = root;
    let listed = base.take("settings");
    let mut samples = Samples::new();
    let mut settings = Vec::new();
    match listed.as_ref().map(|list| &list.value) {
        Some(Value::List(items)) if !items.is_empty() => {
            for (i, item) in items.iter().enumerate() {
                let (name, tree) = setting_tree(&base, item, i, &settings, origin)?;
                let build = Build { origin, setting: Some(&name), tree: &tree, samples: &mut samples };
                settings.push(setting(name.clone(), build)?);
            }
        }
        _ => {
            let build = Build { origin, setting: None, tree: &base, samples: &mut samples };
            settings.push(setting(name.clone(), build)?);
        }
    }
    let overrides = origin.overrides.iter().map(|over| over.args().clone()).collect();
    Ok(Prepared { name, file, scenario, settings, overrides })
}

/// Types do not tell a null from a field that is not there: settings need to know.
fn note_what_is_taken_away(scenario: &mut Scenario, root: &Node) {
    let Some(Node { value: Value::List(items), .. }) = root.get("settings") else { return };
    for (setting, item) in scenario.settings.iter_mut().flatten().zip(items) {
        setting.taken_away = item.nulls().into_iter().collect();
    }
}

/// Names are printed: what could steer a terminal does not belong into one.
fn check_names(scenario: &Scenario, root: &Node, origin: Origin<'_>) -> Result<(), Error> {
    let settings = scenario.settings.iter().flatten();
    for scenario in std::iter::once(scenario).chain(settings) {
        let faults = scenario.faults.iter().flatten().map(super::fault::Fault::display_name);
        for name in scenario.name.as_deref().into_iter().chain(faults) {
            if name.chars().any(char::is_control) {
                let message = format!("{name:?} has a control character in it, which names must not have");
                return Err(invalid(message, None, None, root.mark, &Path::top(), origin));
            }
        }
    }
    Ok(())
}

/// What a setting comes to: the document, the setting over it, and the overrides over both.
fn setting_tree(
    base: &Node,
    item: &Node,
    index: usize,
    before: &[Setting],
    origin: Origin<'_>,
) -> Result<(String, Node), Error> {
    let path = Path::top().key("settings").index(index);
    let Some(Node { value: Value::Str(name), mark }) = item.get("name") else {
        let help = "it is what the setting is called in tables and plots";
        let message = "a setting needs a `name`";
        return Err(invalid(message.to_owned(), Some(help.to_owned()), None, item.mark, &path, origin));
    };
    if before.iter().any(|setting| setting.name == *name) {
        let message = format!("two settings are called `{name}`");
        return Err(invalid(message, None, None, *mark, &path.key("name"), origin));
    }
    if let Some(inner) = item.entry("settings") {
        let message = "a setting cannot have settings of its own".to_owned();
        return Err(invalid(message, None, Some(name), inner.key_mark, &path, origin));
    }
    let mut tree = base.clone();
    tree.overlay(item.clone());
    for (index, over) in origin.overrides.iter().enumerate().filter(|(_, over)| !over.is_of_settings()) {
        over.apply(&mut tree, index)?;
    }
    Ok((name.clone(), tree))
}

fn setting(name: String, mut build: Build<'_>) -> Result<Setting, Error> {
    let scenario: Scenario = typed(build.tree, build.setting, build.origin)?;
    let expect = scenario.expect.clone().unwrap_or_default();
    let expectations = expectations(&scenario, &build)?;
    let is_about_refusal = expect.refused.is_some() || expect.figures.contains_key("refused_settings");
    let outcome = match build.plan(&scenario)? {
        Ok(plan) => Outcome::Plan(Box::new(plan)),
        Err(refusal) if is_about_refusal => Outcome::Refused(refusal.reason),
        Err(refusal) => return Err(refusal.error),
    };
    let refused_location =
        build.origin.place(build.tree.nearest(&Path::top().key("expect").key("refused")).0, &Path::top());
    Ok(Setting {
        name,
        runs: scenario.runs.unwrap_or(1),
        seed: scenario.seed.unwrap_or(1),
        expected_refusal: expect.refused.map(|reason| (reason, refused_location)),
        scenario: Scenario { settings: None, ..scenario },
        outcome,
        expectations,
    })
}

fn expectations(scenario: &Scenario, build: &Build<'_>) -> Result<Vec<Expectation>, Error> {
    let mut expectations = Vec::new();
    for (metric, condition) in scenario.expect.iter().flat_map(|expect| &expect.figures) {
        let path = Path::top().key("expect").key(metric.as_str());
        let (mark, _) = build.tree.nearest(&path);
        if let Some(cause) = metrics::cause(metric) {
            let faults = scenario.faults.as_deref().unwrap_or_default();
            let causes: Vec<_> = faults.iter().map(super::fault::Fault::display_name).collect();
            if !causes.contains(&cause) {
                let help = match nearest(cause, causes.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if causes.is_empty() => "the scenario has no faults".to_owned(),
                    None => format!("the faults are {}", causes.join(", ")),
                };
                let message = format!("`{metric}`: no fault is called `{cause}`");
                return Err(invalid(message, Some(help), build.setting, mark, &path, build.origin));
            }
        }
        if *condition != Condition::Any {
            let location = build.origin.place(mark, &path);
            expectations.push(Expectation { metric: metric.clone(), condition: *condition, location });
        }
    }
    Ok(expectations)
}

fn typed(tree: &Node, setting: Option<&str>, origin: Origin<'_>) -> Result<Scenario, Error> {
    de::read(tree).map_err(|refused| {
        let mark = refused.mark.unwrap_or(tree.mark);
        invalid(refused.message, refused.help, setting, mark, &Path::top(), origin)
    })
}

fn invalid(
    message: String,
    help: Option<String>,
    setting: Option<&str>,
    mark: Mark,
    path: &Path,
    origin: Origin<'_>,
) -> Error {
    let place = origin.place(mark, path);
    Error::Invalid(Box::new(Diagnostic { message, setting: setting.map(str::to_owned), place, help }))
}
