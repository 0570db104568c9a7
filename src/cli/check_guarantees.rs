//! The page "what client-go guarantees": protocols and settings against what may go wrong, by exhaustive search.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use indicatif::HumanCount;

use super::Status;
use super::check_args::CheckArgs;
use super::check_files;
use super::check_watch::Watch;
use super::output::{remark, write_file};
use crate::check::{
    Assumptions, Budget, Knob, Lasting, Report, Search, Setup, Timing, Verdict, failover_bound, frontier,
};
use crate::core::rules::{CancelWork, Content, RenewTime};
use crate::core::{ClockBound, Config, Span, Timings};

/// Makes the page, and the pictures and scenarios that it links to in a folder of its name.
pub(super) fn write(args: &CheckArgs, path: &Path, watch: &mut Watch) -> Result<Status> {
    if path.extension().is_none_or(|ending| ending != "md") {
        bail!("--guarantees {}: the page's file ends in .md", path.display());
    }
    let mut page = Page {
        args,
        search: args.search(),
        watch,
        folder: path.with_extension(""),
        text: String::new(),
        cut_short: false,
    };
    std::fs::create_dir_all(&page.folder)
        .with_context(|| format!("{}: the folder cannot be made", page.folder.display()))?;
    page.matrix()?;
    page.releases()?;
    page.frontiers()?;
    page.failovers()?;
    let (text, cut_short) = (page.text, page.cut_short);
    watch.done();
    if cut_short {
        // A page of which a part is missing is none.
        let why = watch.stopped_by().map_or("a question was not answered", super::check_output::stopped);
        remark(format_args!("{}: not written, for {why}", path.display()));
        return Ok(Status::Inconclusive);
    }
    write_file(path, text.as_bytes())?;
    Ok(Status::Ok)
}

#[derive(Clone, Copy)]
struct Column {
    protocol: &'static str,
    seconds: (u64, u64, u64),
}

const COLUMNS: [Column; 5] = [
    Column { protocol: "client-go", seconds: (15, 10, 2) },
    Column { protocol: "client-go", seconds: (60, 40, 10) },
    Column { protocol: "client-go", seconds: (137, 107, 26) },
    Column { protocol: "renew-time", seconds: (15, 10, 2) },
    Column { protocol: "strict", seconds: (15, 10, 2) },
];

impl Column {
    fn timings(self) -> Timings {
        let (lease, renew, retry) = self.seconds;
        Timings {
            lease_duration: Span::from_secs(lease),
            renew_deadline: Span::from_secs(renew),
            retry_period: Span::from_secs(retry),
        }
    }

    fn config(self) -> Result<Config> {
        Ok(match self.protocol {
            "strict" => Config::strict(self.timings(), ClockBound::DEFAULT)?,
            "renew-time" => Config::renew_time(self.timings())?,
            _ => Config::client_go(self.timings())?,
        })
    }

    fn title(self) -> String {
        let (lease, renew, retry) = self.seconds;
        format!("{} {lease}/{renew}/{retry}", self.protocol)
    }
}

struct Row {
    what: &'static str,
    file: &'static str,
    flags: &'static str,
    world: fn(Assumptions) -> Assumptions,
    /// A part of that world in which a counterexample can be found where all of it takes hours: what lasts does so once
    /// and for so long at most.
    part: Option<fn(Assumptions, Span) -> Assumptions>,
}

const ROWS: [Row; 6] = [
    Row { what: "messages are lost, a process crashes", file: "loss", flags: "", world: |a| a, part: None },
    Row {
        what: "... and answers take any time",
        file: "late-answer",
        flags: " --response-delay free",
        world: |a| Assumptions { response_delay: Lasting::FREE, ..a },
        part: None,
    },
    Row {
        what: "... and requests take any time",
        file: "late-request",
        flags: " --request-delay free",
        world: |a| Assumptions { request_delay: Lasting::FREE, ..a },
        part: Some(|a, span| Assumptions { request_delay: once(span), ..a }),
    },
    Row {
        what: "... and the Lease is deleted once",
        file: "deletion",
        flags: " --deletions 1",
        world: |a| Assumptions { deletions: Budget::UpTo(1), ..a },
        part: None,
    },
    Row {
        what: "... and a process stands still once",
        file: "pause",
        flags: " --pauses 1",
        world: |a| Assumptions { pauses: Lasting { times: Budget::UpTo(1), longest: None }, ..a },
        part: Some(|a, span| Assumptions { pauses: once(span), ..a }),
    },
    Row {
        what: "... and a process is told to stop",
        file: "stop",
        flags: " --stops 1",
        world: |a| Assumptions { stops: Budget::UpTo(1), ..a },
        part: None,
    },
];

fn once(longest: Span) -> Lasting {
    Lasting { times: Budget::UpTo(1), longest: Some(longest) }
}

const BASE: Assumptions =
    Assumptions { loss: Budget::Free, crashes: Budget::UpTo(1), ..Assumptions::PERFECT };

struct Page<'a> {
    args: &'a CheckArgs,
    search: Search,
    watch: &'a mut Watch,
    folder: PathBuf,
    text: String,
    cut_short: bool,
}

impl Page<'_> {
    fn matrix(&mut self) -> Result<()> {
        self.text.push_str(
            "# What client-go guarantees\n\n\
             Made by `leasehold check --guarantees reports/client-go-guarantees.md`.\n\n\
             Two replicas, no HTTP timeout but strict's own, perfect clocks: whether two can lead at once, by exhaustive search over the \
             shipped electors. A violated cell links to the picture of its shortest counterexample and to the scenario that \
             `leasehold run` replays to the same overlap. strict is searched folded: messages take any time, wall clocks say \
             anything, and standing still is not counted. A row's command asks it at 15/10/2; add `--lease-duration`, \
             `--renew-deadline`, `--retry-period`, or `--protocol strict --timing folded`.\n\n",
        );
        let titles: Vec<_> = COLUMNS.iter().map(|column| column.title()).collect();
        let _infallible = writeln!(self.text, "| what goes wrong | {} | command |", titles.join(" | "));
        let _infallible = writeln!(self.text, "|{}", " --- |".repeat(COLUMNS.len() + 2));
        let mut partly = false;
        for row in &ROWS {
            let _infallible = write!(self.text, "| {} |", row.what);
            for column in COLUMNS {
                let (cell, in_part) = self.cell(row, column)?;
                partly |= in_part;
                let _infallible = write!(self.text, " {cell} |");
            }
            let command = format!("leasehold check --assume perfect --loss free --crashes 1{}", row.flags);
            let _infallible = writeln!(self.text, " `{command}` |");
        }
        if partly {
            self.text.push_str(
                "\n\\* Found where it happens once, for no longer than LD - RD - RP and a second, one message is lost and \
                 nothing crashes: all of that row's world would take hours.\n",
            );
        }
        Ok(())
    }

    fn cell(&mut self, row: &Row, column: Column) -> Result<(String, bool)> {
        let config = column.config()?;
        let name = format!("{}-{}", column.title().replace([' ', '/'], "-"), row.file);
        if let Some(part) = row.part.filter(|_| column.seconds.0 > 100) {
            let slack = column.seconds.0 - column.seconds.1 - column.seconds.2 + 1;
            let base = Assumptions { loss: Budget::UpTo(1), ..Assumptions::PERFECT };
            let world = part(base, Span::from_secs(slack));
            return Ok((format!("{}\\*", self.ask(Setup::safety(config, 2, world), &name)?), true));
        }
        let mut setup = Setup::safety(config, 2, (row.world)(BASE));
        if column.protocol == "strict" {
            setup = setup.with_timing(Timing::Folded);
        }
        Ok((self.ask(setup, &name)?, false))
    }

    /// The verdict in a few words, with links.
    fn ask(&mut self, setup: Setup, name: &str) -> Result<String> {
        self.watch.speaker(self.args.quiet)(name);
        let report = self.search.run(setup, self.watch)?;
        let count = |report: &Report| HumanCount(report.progress.unique as u64).to_string();
        Ok(match &report.verdict {
            Verdict::Proved => format!("proved, {} states", count(&report)),
            Verdict::Violated { property, story } => {
                let folder = self.folder.file_name().map_or_else(String::new, |f| f.to_string_lossy().into());
                check_files::save_both(&self.folder, name, story, &report.setup, property)?;
                let after = story.end_ns(&report.setup) / 1_000_000_000;
                format!(
                    "**[violated]({folder}/{name}.svg)** after {after} s ([replay]({folder}/{name}.yaml))"
                )
            }
            Verdict::Inconclusive(_) => {
                self.cut_short = true;
                "inconclusive".to_owned()
            }
        })
    }

    /// ReleaseOnCancel hides one defect behind another: each is asked for by itself.
    fn releases(&mut self) -> Result<()> {
        self.text.push_str(
            "\n## ReleaseOnCancel at 15/10/2\n\n| defect | client-go | command |\n| --- | --- | --- |\n",
        );
        let config = Config::client_go(Timings::DEFAULT)?.with_release_on_cancel(true);
        let lossy = Assumptions { loss: Budget::Free, ..Assumptions::PERFECT };
        let outlives = self.ask(Setup::safety(config, 2, lossy), "client-go-15-10-2-release-outlives")?;
        let _infallible = writeln!(
            self.text,
            "| work goes on while a release that hangs is waited for | {outlives} | \
             `leasehold check --assume perfect --loss free --release-on-cancel` |"
        );
        let mut rules = *config.rules();
        rules.cancel_work = CancelWork::BeforeRelease;
        rules.content = Content::Exact;
        rules.renew_time = RenewTime::Increasing;
        let once = Lasting { times: Budget::UpTo(1), longest: None };
        let world = Assumptions { request_delay: once, loss: Budget::UpTo(1), ..Assumptions::PERFECT };
        let setup = Setup::safety(config.with_rules(rules)?, 3, world);
        let wipes = self.ask(setup, "client-go-15-10-2-release-wipes")?;
        let _infallible = writeln!(
            self.text,
            "| a late release clears another's Lease, and a third takes it (three replicas; with the other defects mended) | \
             {wipes} | `leasehold check --assume perfect --loss 1 --request-delay 1 --replicas 3 --release-on-cancel --rule \
             cancel_work=before-release --rule content=exact --rule renew_time=increasing` |"
        );
        Ok(())
    }

    fn frontiers(&mut self) -> Result<()> {
        self.text.push_str(
            "\n## Where client-go's proof ends, at 15/10/2\n\nMessages are lost at any time; one thing more is varied.\n\n\
             | what | largest proved | smallest refuted | command |\n| --- | --- | --- | --- |\n",
        );
        let client_go = Config::client_go(Timings::DEFAULT)?;
        let renew_time = Config::renew_time(Timings::DEFAULT)?;
        let lossy = Assumptions { loss: Budget::Free, ..Assumptions::PERFECT };
        let flags = "--assume perfect --loss free --frontier";
        for (what, knob, config, world, command) in [
            (
                "how long answers take",
                Knob::ResponseDelay,
                client_go,
                lossy,
                format!("{flags} response-delay"),
            ),
            (
                "how long requests take",
                Knob::RequestDelay,
                client_go,
                lossy,
                format!("{flags} request-delay"),
            ),
            ("how long a process stands still", Knob::Pause, client_go, lossy, format!("{flags} pause")),
            ("how far clocks run apart", Knob::ClockRate, client_go, lossy, format!("{flags} clock-rate")),
            (
                "`renew-time`: how far wall clocks are apart (nothing is lost)",
                Knob::WallOffset,
                renew_time,
                Assumptions::PERFECT,
                "--protocol renew-time --assume perfect --frontier wall-offset".to_owned(),
            ),
        ] {
            self.watch.speaker(self.args.quiet)(what);
            let found = frontier(knob, Setup::safety(config, 2, world), &self.search, self.watch, |_| {})?;
            let label = |tried: Option<crate::check::Tried>| tried.map_or("none".to_owned(), |t| t.label);
            self.cut_short |= found.tried.iter().any(|tried| is_cut_short(&tried.report));
            let _infallible = writeln!(
                self.text,
                "| {what} | {} | {} | `leasehold check {command}` |",
                label(found.largest_proved),
                label(found.smallest_refuted)
            );
        }
        self.text.push_str(
            "\nA clock-rate ratio of LD/(RD + RP) = 1.25 is tolerated, not the documented LD/RD = 1.5. The slack is \
             LD - RD - RP = 3 s. A slow *request* is as bad as a slow answer: the first renewal follows the acquisition within the \
             same second, and candidates compare renewTimes by whole seconds, so that it does not restart their wait however late \
             it is applied.\n\n\
             All of this is on a grid of a second, on which writes at different ticks fall into different seconds. A renewal less than a \
             second after the acquisition costs up to one second more: with `--tick 500ms`, answers that take 3 s are refuted, with `--tick 200ms` \
             those that take 2.4 s. Whoever wants a number should take LD - RD - RP - 1 s for answers.\n",
        );
        Ok(())
    }

    fn failovers(&mut self) -> Result<()> {
        self.text.push_str(
            "\n## Worst-case failover at 15/10/2\n\nMessages take no time, the leader crashes, nothing else goes wrong. Popular bound: LD + RP = 17 s.\n\n\
             | protocol | standbys | nobody leads for less than | states | command |\n| --- | --- | --- | --- | --- |\n",
        );
        for (protocol, replicas) in [("client-go", 2), ("client-go", 3), ("strict", 2)] {
            let column = Column { protocol, seconds: (15, 10, 2) };
            self.watch.speaker(self.args.quiet)(&format!("failover, {protocol}, {replicas} replicas"));
            let Some(found) = failover_bound(column.config()?, replicas, &self.search, self.watch)? else {
                self.cut_short = true;
                continue;
            };
            let _infallible = writeln!(
                self.text,
                "| {protocol} | {} | {} | {} | `leasehold check --failover --protocol {protocol} --replicas {replicas}` |",
                replicas - 1,
                found.bound,
                HumanCount(found.report.progress.unique as u64),
            );
        }
        self.text.push_str(
            "\nThat is LD + 4.4 RP for client-go: the standby may see the last renewal a poll late, and find the Lease expired a \
             poll late; strict looks at the expiry, LD + 2.2 RP. Each bound is approached to the nanosecond by a run that the \
             command prints and draws (`--svg`).\n",
        );
        Ok(())
    }
}

fn is_cut_short(report: &Report) -> bool {
    use crate::check::Reason;
    matches!(report.verdict, Verdict::Inconclusive(Reason::Stopped { .. }))
}
