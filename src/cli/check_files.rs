//! The files that a counterexample leaves behind: a scenario that replays it, and diagrams.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::check_args::CheckArgs;
use super::check_pictures;
use super::output::{remark, write_file};
use crate::check::{Question, Setup, Story};
use crate::core::Span;
use crate::scenario::{Format, Scenario};
use crate::sim::World;

/// Writes what was asked for of a story. `what` it shows, in words.
pub(super) fn write(args: &CheckArgs, story: Option<&Story>, setup: &Setup, what: &str) -> Result<()> {
    let Some(story) = story else {
        if !args.quiet {
            for path in args.scenario_out.iter().chain(&args.svg) {
                remark(format_args!("{}: not written, for there is no run to show", path.display()));
            }
        }
        return Ok(());
    };
    for path in &args.svg {
        let sequence = check_pictures::sequence(story, setup, what.to_owned());
        check_pictures::save(path, &sequence)?;
    }
    if let Some(path) = &args.scenario_out {
        let showed = write_scenario(path, story, setup, what)?;
        if !args.quiet {
            remark(format_args!("{}: replayed, {showed}", path.display()));
        }
    }
    Ok(())
}

/// A picture and a replayed scenario of a story, side by side in a folder.
pub(super) fn save_both(folder: &Path, name: &str, story: &Story, setup: &Setup, what: &str) -> Result<()> {
    let sequence = check_pictures::sequence(story, setup, format!("VIOLATED: {what}"));
    check_pictures::save(&folder.join(format!("{name}.svg")), &sequence)?;
    write_scenario(&folder.join(format!("{name}.yaml")), story, setup, what)?;
    Ok(())
}

/// Writes a scenario that was replayed first. What that showed, in words.
fn write_scenario(path: &Path, story: &Story, setup: &Setup, what: &str) -> Result<String> {
    let scenario = story
        .scenario(setup, what)
        .with_context(|| format!("{}: this run cannot be written as a scenario", path.display()))?;
    let text = scenario.to_yaml();
    let showed = replay(path, &text, story, setup)?;
    write_file(path, text.as_bytes())?;
    Ok(showed)
}

/// Runs a scenario as it will be read back. What it showed, in words; an error, if that is not what the story says.
fn replay(path: &Path, text: &str, story: &Story, setup: &Setup) -> Result<String> {
    let defect = "this is a defect of the checker or the simulator, please report it with the command";
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let folder = path.parent().unwrap_or(Path::new(""));
    let prepared = Scenario::parse(text, Format::Yaml, &name, folder, &[])
        .with_context(|| format!("the scenario of this run is refused; {defect}"))?;
    let [setting] = prepared.settings.as_slice() else {
        bail!("the scenario has no single setting; {defect}")
    };
    let Some(plan) = setting.plan() else {
        bail!("the scenario's settings are refused: {}; {defect}", setting.refusal().unwrap_or(""));
    };
    let mut world = World::new(plan);
    let outcome = match world.try_run(setting.seed, 0) {
        Ok(outcome) => outcome,
        Err(error) => bail!("the simulator cannot replay this run: {error}; {defect}"),
    };
    if setup.question != Question::Safety {
        return Ok("as found".to_owned());
    }
    let last = story.chapters.last().map_or(0, |last| last.acting.len());
    // A story of no time is run for a nanosecond.
    let expected = story.overlap_ns(setup) + u64::from(story.end_ns(setup) == 0 && last > 1);
    let (shown, spans) = (outcome.two_leaders_ns, outcome.two_leaders_spans);
    if shown != expected || (spans > 0) != (last > 1 || expected > 0) {
        bail!(
            "in the simulator two lead for {} in this run ({spans} times), and the checker says {}; {defect}",
            Span::from_nanos(shown),
            Span::from_nanos(expected),
        );
    }
    Ok(match (spans, shown) {
        (0, _) => "as found: at most one leads, and another property is broken".to_owned(),
        (_, 0) => "as found: two lead at its last instant".to_owned(),
        _ => format!("as found: two lead for {}", Span::from_nanos(shown)),
    })
}
