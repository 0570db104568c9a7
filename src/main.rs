//! The `leasehold` command; see [`leasehold::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    leasehold::cli::main()
}
