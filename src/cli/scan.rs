//! `scan`: tests, findings, severity and risk of files and folders.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ValueEnum;

use super::open::StoreArgs;
use super::{Outcome, history, mend, note, risk_model};
use crate::baseline::Baseline;
use crate::config::ProjectFile;
use crate::report::{self, ScanReport};
use crate::risk::{History, RiskModel};
use crate::scan::{Scan, ScanRequest, scan, scan_text};
use crate::smells::{Selection, Severity};
use crate::source;

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
    /// Findings that were accepted, as --write-baseline keeps them; only others are reported
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Accept what is found now; owners and expiry dates of what the file holds already stay
    #[arg(long, value_name = "FILE", conflicts_with = "baseline")]
    write_baseline: Option<PathBuf>,
    /// Only tests that run something which changed since this commit
    #[arg(long, value_name = "REF")]
    diff_base: Option<String>,
    /// Make the edits that cannot change what a passing test does
    #[arg(long, conflicts_with = "diff")]
    fix: bool,
    /// With --fix or --diff: the edits too that may change what a test does
    #[arg(long)]
    unsafe_fixes: bool,
    /// Show the edits and write nothing; exit with 1 where there are any
    #[arg(long)]
    diff: bool,
    /// Accepted for those who are used to it: a scan keeps no cache
    #[arg(long)]
    no_cache: bool,
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
    Sarif,
    Github,
    Gitlab,
    Junit,
    Markdown,
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
    let (request, model) = (request(args)?, risk_model(args.risk_model.as_ref())?);
    if args.diff {
        let any = mend::show(&request, &model, args.unsafe_fixes)?;
        return Ok(if any { Outcome::Found } else { Outcome::Clean });
    }
    let written = if args.fix { mend::write(&request, &model, args.unsafe_fixes) } else { Ok(()) };
    let mut scan = if is_input(args) { scan_input(&request, &model)? } else { scan_paths(&request, &model)? };
    scan.tests.retain(|test| test.touched);
    let accepted = accept(args, &mut scan)?;
    let threshold = if args.fail_on_critical { Some(Severity::Critical) } else { args.fail_on.threshold() };
    match &args.output {
        Some(path) => File::create(path)
            .map_err(anyhow::Error::from)
            .and_then(|file| write(&scan, args.format, threshold, file))
            .with_context(|| {
                format!("cannot write {}; check the folder and its permissions", path.display())
            })?,
        None => write(&scan, args.format, threshold, std::io::stdout().lock())?,
    }
    written?;
    let found = threshold
        .is_some_and(|threshold| scan.tests.iter().any(|test| test.assessment.severity >= threshold));
    // the process ends here; giving back what each of the tests holds would only take time
    std::mem::forget(scan);
    Ok(if found && !accepted { Outcome::Found } else { Outcome::Clean })
}

fn is_input(args: &Args) -> bool {
    args.paths.iter().any(|path| path.as_os_str() == "-")
}

fn request(args: &Args) -> anyhow::Result<ScanRequest> {
    let near = args.paths.first().filter(|_| !is_input(args)).map_or(Path::new("."), PathBuf::as_path);
    let project = ProjectFile::nearest(near)?;
    let mut request = ScanRequest {
        paths: args.paths.clone(),
        repo: args.repo.clone().or_else(|| project.repo.clone()),
        team: args.team.clone().or_else(|| project.team.clone()),
        selection: selection(&args.select, &[&args.ignore[..], &project.ignore].concat())?,
        ..ScanRequest::default()
    };
    if is_input(args) {
        anyhow::ensure!(args.paths.len() == 1, "'-' reads standard input and goes with no other path");
        let given = [
            ("--baseline", args.baseline.is_some()),
            ("--write-baseline", args.write_baseline.is_some()),
            ("--diff-base", args.diff_base.is_some()),
            ("--fix", args.fix),
            ("--diff", args.diff),
        ];
        if let Some((flag, _)) = given.iter().find(|(_, given)| *given) {
            anyhow::bail!("{flag} needs files, not standard input; give their paths");
        }
        return Ok(request);
    }
    if let Some(base) = &args.diff_base {
        request.changed = Some(source::git::changed_since(&source::project_root(near), base)?);
    }
    request.history = observed(args, &project, near)?;
    Ok(request)
}

fn scan_input(request: &ScanRequest, model: &RiskModel) -> anyhow::Result<Scan> {
    let mut bytes = vec![];
    std::io::stdin().read_to_end(&mut bytes).context("standard input cannot be read")?;
    let text =
        source::decode(bytes).map_err(|reason| anyhow::anyhow!("what came on standard input {reason}"))?;
    Ok(scan_text("stdin.py", text, request, Some(model)))
}

/// Takes out, or writes down, what was accepted; whether all of it is from now on.
fn accept(args: &Args, scan: &mut Scan) -> anyhow::Result<bool> {
    if let Some(path) = &args.write_baseline {
        let known = if path.exists() { Baseline::load(path)? } else { Baseline::default() };
        let new = Baseline::of(scan, &known);
        new.save(path)?;
        note(&format!(
            "{} accepted in {}",
            report::count(new.findings(), "finding", "findings"),
            path.display()
        ));
        return Ok(true);
    }
    let Some(path) = &args.baseline else { return Ok(false) };
    let today = jiff::Zoned::now().date();
    let applied = Baseline::load(path)?.apply(scan, today);
    scan.baseline = Some(applied);
    if applied.stale > 0 && args.diff_base.is_none() {
        let entries = report::count(applied.stale, "entry", "entries");
        note(&format!("{entries} of {} found less than before; --write-baseline drops that", path.display()));
    }
    Ok(false)
}

/// What was observed of the project, where anything was.
fn observed(args: &Args, project: &ProjectFile, near: &Path) -> anyhow::Result<History> {
    let repo = history::repo_name(args.repo.as_ref(), project, near);
    let store = StoreArgs { store: args.store.clone(), qdrant_url: None };
    history::of_project(&store, project, near, &repo)
}

fn write(scan: &Scan, format: Format, threshold: Option<Severity>, to: impl Write) -> anyhow::Result<()> {
    let mut to = BufWriter::new(to);
    match format {
        Format::Text => to.write_all(report::text(scan).as_bytes())?,
        Format::Json => json(&ScanReport::new(scan), &mut to)?,
        Format::Sarif => json(&report::sarif(scan), &mut to)?,
        Format::Gitlab => json(&report::gitlab(scan), &mut to)?,
        Format::Junit => to.write_all(&report::junit(scan, threshold)?)?,
        Format::Markdown => to.write_all(report::markdown(scan).as_bytes())?,
        Format::Github => {
            to.write_all(report::github(scan).as_bytes())?;
            summarize_step(scan)?;
        }
    }
    Ok(to.flush()?)
}

fn json(report: &impl serde::Serialize, to: &mut impl Write) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *to, report).map_err(std::io::Error::from)?;
    Ok(to.write_all(b"\n")?)
}

/// GitHub shows ten annotations a level; the rest goes to the step's summary.
fn summarize_step(scan: &Scan) -> anyhow::Result<()> {
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    File::options()
        .create(true)
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(report::markdown(scan).as_bytes()))
        .with_context(|| format!("cannot write the step's summary {}", path.display()))
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
