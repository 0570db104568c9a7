//! Writes the page `reports/client-go-guarantees.md`: what client-go guarantees, and what `strict` does, by exhaustive search.
//!
//! `cargo run --release --example guarantees > reports/client-go-guarantees.md`

use leasehold::check::{
    Assumptions, Budget, Knob, Lasting, Patient, Report, Search, Setup, Timing, Verdict, Walls,
    failover_bound, frontier,
};
use leasehold::core::{ClockBound, Config, Span, Timings};

const SETTINGS: [(u64, u64, u64); 3] = [(15, 10, 2), (60, 40, 10), (137, 107, 26)];

fn timings((lease, renew, retry): (u64, u64, u64)) -> Timings {
    Timings {
        lease_duration: Span::from_secs(lease),
        renew_deadline: Span::from_secs(renew),
        retry_period: Span::from_secs(retry),
    }
}

type World = (&'static str, &'static str, fn(Assumptions) -> Assumptions);

/// What goes wrong, the flags for it, and the assumption.
const WORLDS: [World; 6] = [
    ("messages are lost, a crash", "--assume perfect --loss free --crashes 1", |a| a),
    (
        "... and answers take any time",
        "--assume perfect --loss free --crashes 1 --response-delay free",
        |a| Assumptions { response_delay: Lasting::FREE, ..a },
    ),
    (
        "... and requests take any time",
        "--assume perfect --loss free --crashes 1 --request-delay free",
        |a| Assumptions { request_delay: Lasting::FREE, ..a },
    ),
    ("... and the Lease is deleted once", "--assume perfect --loss free --crashes 1 --deletions 1", |a| {
        Assumptions { deletions: Budget::UpTo(1), ..a }
    }),
    ("... and a process stands still once", "--assume perfect --loss free --crashes 1 --pauses 1", |a| {
        Assumptions { pauses: Lasting { times: Budget::UpTo(1), longest: None }, ..a }
    }),
    ("... and a process is told to stop", "--assume perfect --loss free --crashes 1 --stops 1", |a| {
        Assumptions { stops: Budget::UpTo(1), ..a }
    }),
];

fn verdict(report: &Report) -> String {
    match &report.verdict {
        Verdict::Proved => format!("proved, {} states", report.progress.unique),
        Verdict::Violated { story, .. } => format!(
            "**violated** after {} s, {} steps",
            story.end_ns(&report.setup) / 1_000_000_000,
            story.chapters.len()
        ),
        Verdict::Inconclusive(why) => format!("inconclusive: {why:?}"),
    }
}

fn ask(setup: Setup) -> Report {
    Search::on(2).run(setup, &mut Patient).expect("it can be explored")
}

#[expect(clippy::print_stdout, reason = "this writes a page")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let base = Assumptions { loss: Budget::Free, crashes: Budget::UpTo(1), ..Assumptions::PERFECT };
    println!("# What client-go guarantees\n");
    println!(
        "Two replicas, no HTTP timeout, perfect clocks: whether two can lead at once, by exhaustive search over the shipped electors."
    );
    println!(
        "\"Violated\" names when the shortest counterexample has shown a tick with two leaders. `strict` is searched folded, that is"
    );
    println!("under more than these assumptions: messages take any time, wall clocks say anything.\n");
    println!(
        "| what goes wrong | {} | strict 15/10/2 | command |",
        SETTINGS.map(|(l, d, p)| format!("client-go {l}/{d}/{p}")).join(" | ")
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    for (what, flags, world) in WORLDS {
        let mut cells = Vec::new();
        for setting in SETTINGS {
            // Waiting messages and pauses are followed second by second: here that is hours of search.
            let waits = ["--request-delay", "--pauses", "--stops"].iter().any(|flag| flags.contains(flag));
            if setting.0 > 100 && waits {
                cells.push("not searched".to_owned());
                continue;
            }
            let setup = Setup::safety(Config::client_go(timings(setting))?, 2, world(base));
            cells.push(verdict(&ask(setup)));
        }
        let strict = Config::strict(Timings::DEFAULT, ClockBound::DEFAULT)?;
        cells.push(verdict(&ask(Setup::safety(strict, 2, world(base)).with_timing(Timing::Folded))));
        println!("| {what} | {} | `leasehold check {flags}` |", cells.join(" | "));
    }
    println!("\n## Where client-go's proof ends, at 15/10/2\n");
    println!("Messages are lost at any time; one thing more is varied.\n");
    println!("| what | largest proved | smallest refuted | command |\n| --- | --- | --- | --- |");
    let lossy = Assumptions { loss: Budget::Free, ..Assumptions::PERFECT };
    let knobs = [
        ("how long answers take", Knob::ResponseDelay, "response-delay"),
        ("how long requests take", Knob::RequestDelay, "request-delay"),
        ("how long a process stands still", Knob::Pause, "pause"),
        ("how far clocks run apart", Knob::ClockRate, "clock-rate"),
    ];
    for (what, knob, flag) in knobs {
        let setup = Setup::safety(Config::client_go(Timings::DEFAULT)?, 2, lossy);
        let found = frontier(knob, setup, &Search::on(2), &mut Patient, |_| {})?;
        let label =
            |tried: Option<leasehold::check::Tried>| tried.map_or("none".to_owned(), |tried| tried.label);
        println!(
            "| {what} | {} | {} | `leasehold check --assume perfect --loss free --frontier {flag}` |",
            label(found.largest_proved),
            label(found.smallest_refuted)
        );
    }
    let renew_time = Setup::safety(
        Config::renew_time(Timings::DEFAULT)?,
        2,
        Assumptions { walls: Walls::PERFECT, ..Assumptions::PERFECT },
    );
    let found = frontier(Knob::WallOffset, renew_time, &Search::on(2), &mut Patient, |_| {})?;
    println!(
        "| `renew-time`: how far wall clocks are apart (nothing lost) | {} | {} | `leasehold check --protocol renew-time --assume perfect --frontier wall-offset` |",
        found.largest_proved.map_or("none".to_owned(), |tried| tried.label),
        found.smallest_refuted.map_or("none".to_owned(), |tried| tried.label)
    );
    println!(
        "\nA clock-rate ratio of LD/(RD + RP) = 1.25 is tolerated, not the documented LD/RD = 1.5. The slack is LD - RD - RP = 3 s. A slow *request*"
    );
    println!(
        "is as bad as a slow answer: the first renewal follows the acquisition within the same second, and candidates compare renewTimes by"
    );
    println!("whole seconds, so that it does not restart their wait however late it is applied.\n");
    println!("## Worst-case failover at 15/10/2\n");
    println!("| standbys | nobody leads for less than | popular bound LD + RP |\n| --- | --- | --- |");
    let bound = failover_bound(Config::client_go(Timings::DEFAULT)?, 2, &Search::on(2), &mut Patient)?;
    println!("| 1 | {} | 17s |", bound.map_or("not proved".to_owned(), |bound| bound.bound.to_string()));
    println!("\n`leasehold check --failover` prints the run that approaches the bound to the nanosecond.");
    Ok(())
}
