//! The command line's way in: reads it, runs it, turns the outcome into an exit code.

use std::process::ExitCode;

/// Parsing makes and drops millions of small things, on every core at once.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    flakydetector::cli::main()
}
