//! `leasehold schema`: the JSON Schema of scenario files.

use std::path::PathBuf;

use anyhow::Result;

use super::Status;
use super::output::{print, write_file};
use crate::scenario::Scenario;

/// Print the JSON Schema of scenario files, for editors and validators.
#[derive(clap::Args, Debug)]
pub(super) struct SchemaArgs {
    /// Write it to a file instead.
    #[arg(short, long, value_name = "FILE.json")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &SchemaArgs) -> Result<Status> {
    let text = serde_json::to_string_pretty(&Scenario::json_schema())? + "\n";
    match &args.output {
        Some(path) => write_file(path, text.as_bytes())?,
        None => print(&text)?,
    }
    Ok(Status::Ok)
}
