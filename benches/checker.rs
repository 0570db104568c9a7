//! The model checker: generated states a second, bytes a state, and the same question put to SPIN.
//!
//! `cargo bench --bench checker`. The SPIN part needs `spin` and `cc` on the path and says so where they are missing.
//! Its model, `promela/lease.pml`, was written from the description of client-go, not from this crate; it knows less
//! (both processes start at tick 0, nothing but what this one question needs), so that its states are fewer and smaller.

use std::process::Command;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use leasehold::check::{Assumptions, Budget, Lasting, Patient, Properties, Report, Search, Setup};
use leasehold::core::{Config, Timings};

fn client_go(assumptions: Assumptions) -> Setup {
    Setup::safety(Config::client_go(Timings::DEFAULT).expect("the defaults are valid"), 2, assumptions)
}

fn run(setup: Setup, threads: usize) -> Report {
    Search::on(threads).run(setup, &mut Patient).expect("it can be explored")
}

/// The whole space of: requests take any time, answers none, writes are applied after their sender is gone, one crash, one
/// restart. Properties are left out, so that the search does not end at the first counterexample.
fn spin_question() -> Setup {
    let mut setup = client_go(Assumptions {
        request_delay: Lasting::FREE,
        late_writes: Budget::Free,
        crashes: Budget::UpTo(1),
        restarts: Budget::UpTo(1),
        ..Assumptions::PERFECT
    });
    setup.properties = Properties::NONE;
    setup
}

fn default_question(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("default question");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    for threads in [1, 2] {
        let generated = run(client_go(Assumptions::DEFAULT), threads).progress.generated;
        group.throughput(Throughput::Elements(generated as u64));
        group.bench_function(format!("{threads} threads"), |b| {
            b.iter(|| run(client_go(Assumptions::DEFAULT), threads).progress);
        });
    }
    group.finish();
}

#[expect(
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a benchmark measures, and says what it cannot"
)]
fn beside_spin(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("requests take any time, a crash");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    let progress = run(spin_question(), 2).progress;
    group.throughput(Throughput::Elements(progress.generated as u64));
    group.bench_function("leasehold, 2 threads", |b| b.iter(|| run(spin_question(), 2).progress));
    let folder = std::env::temp_dir().join(format!("leasehold-spin-{}", std::process::id()));
    match build_pan(&folder) {
        Ok(()) => {
            let pan = || Command::new("./pan").args(["-m3000", "-w22", "-A"]).current_dir(&folder).output();
            let began = Instant::now();
            let said = pan().map(|out| String::from_utf8_lossy(&out.stdout).into_owned()).unwrap_or_default();
            let lines =
                said.lines().filter(|line| line.contains("states, stored") || line.contains("transitions ("));
            eprintln!("SPIN: {} in {:?}", lines.collect::<Vec<_>>().join(";"), began.elapsed());
            eprintln!("leasehold: {} states stored, {} transitions", progress.unique, progress.generated);
            group.bench_function("SPIN (pan -A)", |b| b.iter(|| pan().map(|out| out.status)));
        }
        Err(why) => eprintln!("SPIN is skipped: {why}"),
    }
    group.finish();
    let _gone = std::fs::remove_dir_all(&folder);
}

fn build_pan(folder: &std::path::Path) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/promela/lease.pml");
    for (program, args) in
        [("spin", vec!["-a", model]), ("cc", vec!["-O2", "-DSAFETY", "-o", "pan", "pan.c"])]
    {
        let out = Command::new(program)
            .args(&args)
            .current_dir(folder)
            .output()
            .map_err(|error| format!("`{program}` cannot be run ({error})"))?;
        if !out.status.success() {
            return Err(format!("`{program} {}` failed", args.join(" ")));
        }
    }
    Ok(())
}

criterion_group!(benches, default_question, beside_spin);
criterion_main!(benches);
