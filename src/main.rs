//! The command line's way in: reads it, runs it, turns the outcome into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    flakydetector::cli::main()
}
