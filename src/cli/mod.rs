//! The `leasehold` command.

mod check;
mod check_args;
mod check_assume;
mod check_files;
mod check_junit;
mod check_output;
mod check_pictures;
mod check_questions;
mod check_story;
mod check_watch;
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
    Replay(replay::ReplayArgs),
    Plot(plot::PlotArgs),
    Schema(schema::SchemaArgs),
    Serve(serve::ServeArgs),
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
        Command::Run(args) => run::run(args),
        Command::Check(args) => check::run(args),
        Command::Replay(args) => replay::run(args),
        Command::Plot(args) => plot::run(args),
        Command::Schema(args) => schema::run(args),
        Command::Serve(args) => serve::run(args),
    };
    match result {
        Ok(status) => status.into(),
        Err(error) => {
            output::remark(format_args!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}
