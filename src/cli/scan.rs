//! `scan`: tests, findings, severity and risk of files and folders.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ValueEnum;

use super::history;
use super::open::StoreArgs;
use super::{Outcome, note, risk_model};
use crate::config::ProjectFile;
use crate::report::{self, ScanReport};
use crate::risk::History;
use crate::scan::{Scan, ScanRequest, scan, scan_text};
use crate::smells::{Selection, Severity};

/// Find unstable tests; runs nothing and needs no network, no store and no model server
#[derive(clap::Args)]
pub(super) struct Args {
    /// Files and folders; `-` reads one file from standard input
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Write the report to a file instead of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Exit with 1 where a test has at least this severity
    #[arg(long, value_enum, default_value = "never")]
    fail_on: FailOn,
    /// Short for `--fail-on critical`
    #[arg(long, conflicts_with = "fail_on")]
    fail_on_critical: bool,
    /// Only these rules, by code or by its beginning (`FD1`)
    #[arg(long, value_delimiter = ',', value_name = "CODES")]
    select: Vec<String>,
    /// Not these rules
    #[arg(long, value_delimiter = ',', value_name = "CODES")]
    ignore: Vec<String>,
    /// The repository's name; the git remote's or the root folder's otherwise
    #[arg(long)]
    repo: Option<String>,
    /// The team that owns what CODEOWNERS gives to nobody
    #[arg(long)]
    team: Option<String>,
    /// A risk model other than the built-in one
    #[arg(long, value_name = "FILE")]
    risk_model: Option<PathBuf>,
    /// Folder whose observed outcomes the risk adapts to; `.flakydetector` in the project otherwise
    #[arg(long, value_name = "DIR", env = "FLAKYDETECTOR_STORE")]
    store: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(Clone, Copy, ValueEnum)]
enum FailOn {
    Critical,
    High,
    Medium,
    Low,
    Never,
}

impl FailOn {
    fn threshold(self) -> Option<Severity> {
        match self {
            FailOn::Critical => Some(Severity::Critical),
            FailOn::High => Some(Severity::High),
            FailOn::Medium => Some(Severity::Medium),
            FailOn::Low => Some(Severity::Low),
            FailOn::Never => None,
        }
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let selection = selection(&args.select, &args.ignore)?;
    let model = risk_model(args.risk_model.as_ref())?;
    let near = args.paths.first().map_or(Path::new("."), PathBuf::as_path);
    let request = ScanRequest {
        paths: args.paths.clone(),
        repo: args.repo.clone(),
        team: args.team.clone(),
        selection,
        history: observed(args, near)?,
    };
    let scan = if args.paths.iter().any(|path| path.as_os_str() == "-") {
        anyhow::ensure!(args.paths.len() == 1, "'-' reads standard input and goes with no other path");
        let mut bytes = vec![];
        std::io::stdin().read_to_end(&mut bytes).context("standard input cannot be read")?;
        let text = crate::source::decode(bytes)
            .map_err(|reason| anyhow::anyhow!("what came on standard input {reason}"))?;
        scan_text("stdin.py", text, &request, Some(&model))
    } else {
        scan_paths(&request, &model)?
    };
    match &args.output {
        Some(path) => File::create(path)
            .map_err(anyhow::Error::from)
            .and_then(|file| write(&scan, args.format, file))
            .with_context(|| {
                format!("cannot write {}; check the folder and its permissions", path.display())
            })?,
        None => write(&scan, args.format, std::io::stdout().lock())?,
    }
    let threshold = if args.fail_on_critical { Some(Severity::Critical) } else { args.fail_on.threshold() };
    let found = threshold
        .is_some_and(|threshold| scan.tests.iter().any(|test| test.assessment.severity >= threshold));
    Ok(if found { Outcome::Found } else { Outcome::Clean })
}

/// What was observed of the project, where anything was.
fn observed(args: &Args, near: &Path) -> anyhow::Result<History> {
    if near.as_os_str() == "-" {
        return Ok(History::default());
    }
    let project = ProjectFile::nearest(near)?;
    let repo = history::repo_name(args.repo.as_ref(), &project, near);
    let store = StoreArgs { store: args.store.clone(), qdrant_url: None };
    history::of_project(&store, &project, near, &repo)
}

fn write(scan: &Scan, format: Format, to: impl Write) -> anyhow::Result<()> {
    let mut to = BufWriter::new(to);
    match format {
        Format::Text => to.write_all(report::text(scan).as_bytes())?,
        Format::Json => {
            serde_json::to_writer(&mut to, &ScanReport::new(scan)).map_err(std::io::Error::from)?;
            to.write_all(b"\n")?;
        }
    }
    Ok(to.flush()?)
}

/// Scans, and tells on standard error which files were at fault where no test was found.
pub(super) fn scan_paths(request: &ScanRequest, model: &crate::risk::RiskModel) -> anyhow::Result<Scan> {
    scan(request, Some(model)).map_err(|error| {
        if let crate::scan::ScanError::NoTests { errors, .. } = &error {
            for error in errors {
                note(&format!("{}:{}: {}", error.file, error.line, error.message));
            }
        }
        error.into()
    })
}

/// Checks that the codes given name rules.
fn selection(select: &[String], ignore: &[String]) -> anyhow::Result<Selection> {
    let code = |text: &String| {
        let upper = text.trim().to_uppercase();
        let by_name = crate::smells::find(text.trim()).map(|rule| rule.code().to_owned());
        let known = by_name.unwrap_or(upper);
        if crate::smells::RULES.iter().any(|rule| rule.code().starts_with(&known)) {
            Ok(known)
        } else {
            Err(anyhow::anyhow!("no rule is called '{text}'; 'flakydetector rule --all' lists them"))
        }
    };
    Ok(Selection {
        select: select.iter().map(code).collect::<anyhow::Result<_>>()?,
        ignore: ignore.iter().map(code).collect::<anyhow::Result<_>>()?,
    })
}
