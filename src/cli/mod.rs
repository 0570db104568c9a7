//! The `leasehold` command.

mod check;
mod check_args;
mod check_assume;
mod check_files;
mod check_guarantees;
mod check_junit;
mod check_output;
mod check_pictures;
mod check_questions;
mod check_story;
mod check_watch;
#[cfg(feature = "adapter")]
mod cluster;
#[cfg(all(feature = "adapter", target_os = "linux"))]
mod elect;
#[cfg(all(feature = "adapter", target_os = "linux"))]
mod elect_child;
#[cfg(all(feature = "adapter", target_os = "linux"))]
mod elect_guard;
#[cfg(all(feature = "adapter", target_os = "linux"))]
mod elect_http;
#[cfg(all(feature = "adapter", target_os = "linux"))]
mod elect_signals;
mod export;
mod output;
mod pictures;
mod plot;
mod progress;
mod replay;
mod results;
mod run;
mod run_args;
mod schema;
mod serve;
mod trace_file;
#[cfg(feature = "adapter")]
mod watch;
#[cfg(feature = "adapter")]
mod watch_causes;
#[cfg(feature = "adapter")]
mod watch_lease;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Simulate and model-check lease-based leader election, deterministically.
///
/// Exit codes: 0 all is well; 1 an expectation failed, a comparison found a difference or a property is violated; 2 bad
/// usage or input; 3 inconclusive (interrupted, or something expected was not measured).
#[derive(Parser, Debug)]
#[command(name = "leasehold", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Run(Box<run_args::RunArgs>),
    Check(Box<check_args::CheckArgs>),
    Export(export::ExportArgs),
    Replay(replay::ReplayArgs),
    Plot(plot::PlotArgs),
    Schema(schema::SchemaArgs),
    Serve(serve::ServeArgs),
    #[cfg(all(feature = "adapter", target_os = "linux"))]
    Elect(Box<elect::ElectArgs>),
    #[cfg(feature = "adapter")]
    Watch(watch::WatchArgs),
    /// The process between `elect` and its command.
    #[cfg(all(feature = "adapter", target_os = "linux"))]
    #[command(hide = true)]
    ElectGuard(elect_guard::GuardArgs),
    /// The process that becomes the command of `elect`.
    #[cfg(all(feature = "adapter", target_os = "linux"))]
    #[command(hide = true)]
    ElectExec(elect_guard::ExecArgs),
}

/// How a command ended, worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Status {
    Ok,
    Inconclusive,
    Failed,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Ok => 0,
            Status::Failed => 1,
            Status::Inconclusive => 3,
        })
    }
}

/// Runs the command that the process's arguments give.
#[must_use]
pub fn main() -> ExitCode {
    // Bad usage exits with 2 here, help and version with 0.
    let cli = Cli::parse();
    let result = match &cli.command {
        Command::Run(args) => run::run(args).map(ExitCode::from),
        Command::Check(args) => check::run(args).map(ExitCode::from),
        Command::Export(args) => export::run(args).map(ExitCode::from),
        Command::Replay(args) => replay::run(args).map(ExitCode::from),
        Command::Plot(args) => plot::run(args).map(ExitCode::from),
        Command::Schema(args) => schema::run(args).map(ExitCode::from),
        Command::Serve(args) => serve::run(args).map(ExitCode::from),
        #[cfg(all(feature = "adapter", target_os = "linux"))]
        Command::Elect(args) => elect::run(args),
        #[cfg(feature = "adapter")]
        Command::Watch(args) => watch::run(args),
        #[cfg(all(feature = "adapter", target_os = "linux"))]
        Command::ElectGuard(args) => elect_guard::guard(args),
        #[cfg(all(feature = "adapter", target_os = "linux"))]
        Command::ElectExec(args) => elect_guard::exec(args),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            output::remark(format_args!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}
