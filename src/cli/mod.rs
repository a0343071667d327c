//! One file per subcommand: its arguments and a `run`. Data goes to standard output, the rest to standard error.
#![allow(clippy::print_stdout)]

mod chat;
mod consent;
mod dataset;
mod doctor;
mod evaluate;
mod explain;
mod history;
mod hunt;
mod index;
mod mcp;
mod mend;
mod mine;
mod model;
mod open;
mod patterns;
mod rule;
mod scan;
mod search;
mod serve;
mod similar;
mod store;
mod train;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::risk::RiskModel;

/// Finds unstable Python tests before they break a pipeline, remembers them, and explains them.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Scan(scan::Args),
    Index(index::Args),
    Search(search::Args),
    Similar(similar::Args),
    Explain(explain::Args),
    Chat(chat::Args),
    Patterns(patterns::Args),
    Serve(serve::Args),
    Doctor(doctor::Args),
    Mcp(mcp::Args),
    Store(store::Args),
    Rule(rule::Args),
    History(history::Args),
    Hunt(hunt::Args),
    Dataset(dataset::Args),
    Train(train::Args),
    Evaluate(evaluate::Args),
}

/// How data is printed.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum DataFormat {
    Text,
    Json,
}

/// What a command found, for the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing at or above the threshold: 0.
    Clean,
    /// Something was found: 1.
    Found,
}

/// Runs the command line. Exit code 0: nothing found, 1: found, 2: wrong use or failure.
pub fn main() -> ExitCode {
    start_log();
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::Scan(args) => scan::run(&args),
        Command::Index(args) => index::run(&args),
        Command::Search(args) => search::run(&args),
        Command::Similar(args) => similar::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Chat(args) => chat::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Mcp(args) => mcp::run(&args),
        Command::Store(args) => store::run(&args),
        Command::Patterns(args) => patterns::run(&args),
        Command::Rule(args) => rule::run(&args),
        Command::History(args) => history::run(&args),
        Command::Hunt(args) => hunt::run(&args),
        Command::Dataset(args) => dataset::run(&args),
        Command::Train(args) => train::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
    };
    match outcome {
        Ok(Outcome::Clean) => ExitCode::SUCCESS,
        Ok(Outcome::Found) => ExitCode::from(1),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "flakydetector: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// The reader of our output went away (`flakydetector scan | head`).
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

/// Log lines go to standard error, warnings and worse unless `FLAKYDETECTOR_LOG` says otherwise.
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("FLAKYDETECTOR_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error,flakydetector=warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).without_time().init();
}

/// Writes data to standard output.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(())
}

/// Writes a line of progress to standard error.
fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The model at `path`, else the built-in one.
fn risk_model(path: Option<&PathBuf>) -> anyhow::Result<RiskModel> {
    Ok(match path {
        Some(path) => RiskModel::load(path)?,
        None => RiskModel::built_in()?,
    })
}
