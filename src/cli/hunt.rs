//! `hunt`: the only command that runs a user's code.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;

use super::open::StoreArgs;
use super::scan::scan_paths;
use super::{DataFormat, Outcome, consent, history, note, print, risk_model};
use crate::config::ProjectFile;
use crate::hunt::{self, Hunted, Patched, Request, Rerun, Stop, hunt, kinds};
use crate::report;
use crate::risk::history::History;
use crate::risk::{Assessment, ScannedTest};
use crate::scan::{ScanError, ScanRequest, scan};
use crate::source;

/// Prove it: run the project's own tests with one thing changed, and narrow down what fails then
#[derive(clap::Args)]
pub(super) struct Args {
    /// Files, folders, and tests by their node ids; what pytest takes by itself otherwise
    paths: Vec<PathBuf>,
    /// How long it may take (`90s`, `5m`)
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = duration)]
    budget: Duration,
    /// The Python with the project's pytest; its virtual environment's otherwise, else python3
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
    /// Only these tests are suspected, by id or by its end; others may still run before them
    #[arg(long, value_name = "TESTS", num_args = 1.., value_delimiter = ',')]
    tests: Vec<String>,
    /// Only tests that changed since this commit are suspected
    #[arg(long, value_name = "REF")]
    diff_base: Option<String>,
    /// Only this kind of change (`order`, `twice`, `clock`, …)
    #[arg(long, value_name = "KIND")]
    only: Option<String>,
    /// Only write the pytest plugin that makes the changes, and say where: for `PYTHONPATH` of plain pytest
    #[arg(long, exclusive = true)]
    plugin: bool,
    /// Run the tests without asking
    #[arg(long)]
    yes: bool,
    /// Shuffles and random changes follow from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Exit with 1 where a test was proved unstable
    #[arg(long, value_enum, default_value = "never")]
    fail_on: FailOn,
    #[arg(long, value_enum, default_value = "text")]
    format: DataFormat,
    /// Write the report to a file instead of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The repository's name; otherwise that of the git remote, else of the folder
    #[arg(long)]
    repo: Option<String>,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum FailOn {
    Proved,
    Never,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    if args.plugin {
        print(&format!("{}\n", plugin()?.display()))?;
        return Ok(Outcome::Clean);
    }
    if let Some(only) = &args.only {
        let kinds = kinds();
        anyhow::ensure!(
            kinds.contains(&only.as_str()),
            "there is no kind of change '{only}'; there are {}",
            kinds.join(", ")
        );
    }
    let files: Vec<PathBuf> = args.paths.iter().map(|path| file_and_names(path).0).collect();
    let near = files.first().cloned().unwrap_or_else(|| PathBuf::from("."));
    let project = ProjectFile::nearest(&near)?;
    let root = source::project_root(&near);
    let repo = history::repo_name(args.repo.as_ref(), &project, &near);
    let mut known = history::of_project(&args.store, &project, &near, &repo)?;
    let request = ScanRequest {
        paths: if files.is_empty() { vec![root.clone()] } else { files },
        repo: Some(repo.clone()),
        history: known.clone(),
        changed: args.diff_base.as_ref().map(|base| source::git::changed_since(&root, base)).transpose()?,
        ..ScanRequest::default()
    };
    let scanned = scanned(&request)?;
    let tests: Vec<&Assessment> = scanned.iter().map(|test| &test.assessment).collect();
    let suspects = suspects(args, &scanned, &tests)?;
    consent::ask(&root, args.yes, project.hunt.allow)?;
    let request = Request {
        paths: args.paths.iter().map(|path| relative(path, &root)).collect(),
        root,
        python: python(args.python.as_ref(), &project)?,
        budget: args.budget,
        seed: args.seed,
        suspects,
        only: args.only.clone(),
    };
    let stop = Stop::default();
    end_with_interrupt(&stop);
    let live = live();
    let found = hunt(&request, &tests, &stop, &|line| {
        live.set_message(line.to_owned());
        live.suspend(|| note(line));
    });
    live.finish_and_clear();
    let mut found = found?;
    for unstable in &mut found.unstable {
        unstable.repo.clone_from(&repo);
    }
    // what was found is told, even where it cannot be kept
    let kept = remember(args, &project, &near, &repo, &mut known, &found);
    let text = match args.format {
        DataFormat::Text => report::hunted(&found),
        DataFormat::Json => serde_json::to_string_pretty(&found)? + "\n",
    };
    match &args.output {
        Some(path) => std::fs::write(path, text).with_context(|| {
            format!("cannot write {}; check the folder and its permissions", path.display())
        })?,
        None => print(&text)?,
    }
    kept?;
    let proved = args.fail_on == FailOn::Proved && !found.unstable.is_empty();
    Ok(if proved { Outcome::Found } else { Outcome::Clean })
}

/// What a scan finds, which may be nothing: pytest knows other tests too, doctests among them.
fn scanned(request: &ScanRequest) -> anyhow::Result<Vec<ScannedTest>> {
    match scan(request, Some(&risk_model(None)?)) {
        Ok(scan) => Ok(scan.tests),
        Err(ScanError::NoTests { .. }) => Ok(vec![]),
        Err(error) => Err(error.into()),
    }
}

/// The folder of the plugin, in the user's cache.
fn plugin() -> anyhow::Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    let folder = cache.context("there is no home folder; set HOME")?.join("flakydetector/pytest");
    hunt::write_plugin(&folder).with_context(|| {
        format!("cannot write {}; check the folder and its permissions", folder.display())
    })?;
    Ok(folder)
}

/// How a patch is tried by running.
#[derive(clap::Args)]
pub(super) struct RunArgs {
    /// With --fix: run the test as it is and on a copy with the patch, with one thing changed; runs the project's tests
    #[arg(long, requires = "fix")]
    run: bool,
    /// With --run: how long it may take (`90s`, `5m`)
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = duration, requires = "run")]
    budget: Duration,
    /// With --run: the Python with the project's pytest
    #[arg(long, value_name = "FILE", requires = "run")]
    python: Option<PathBuf>,
    /// With --run: run the tests without asking
    #[arg(long, requires = "run")]
    yes: bool,
}

impl RunArgs {
    pub(super) fn wanted(&self) -> bool {
        self.run
    }
}

/// What running the tests of the project around the current folder says of a patch of one of its files.
pub(super) async fn rerun(
    args: &RunArgs,
    project: &ProjectFile,
    test: &str,
    file: String,
    bytes: Vec<u8>,
) -> anyhow::Result<Rerun> {
    let root = source::project_root(Path::new("."));
    consent::ask(&root, args.yes, project.hunt.allow)?;
    let scan = ScanRequest { paths: vec![root.clone()], ..ScanRequest::default() };
    let request = Request {
        root: std::path::absolute(root)?,
        paths: vec![],
        python: python(args.python.as_ref(), project)?,
        budget: args.budget,
        seed: 1,
        suspects: Some(BTreeSet::from([test.to_owned()])),
        only: None,
    };
    let stop = Stop::default();
    end_with_interrupt(&stop);
    let run = tokio::task::spawn_blocking(move || {
        let scan = scan_paths(&scan, &risk_model(None)?)?;
        let tests: Vec<&Assessment> = scan.tests.iter().map(|test| &test.assessment).collect();
        let patched = Patched { file: &file, bytes: &bytes };
        anyhow::Ok(hunt::rerun(&request, &patched, &tests, &stop, &note)?)
    });
    run.await?
}

/// On a terminal, a line that says how long it goes on already.
fn live() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} hunting {elapsed}  {msg}");
    let bar =
        ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// The tests that were asked for; `None` for all.
fn suspects(
    args: &Args,
    scanned: &[ScannedTest],
    tests: &[&Assessment],
) -> anyhow::Result<Option<BTreeSet<String>>> {
    let mut out: Option<BTreeSet<String>> = None;
    if !args.tests.is_empty() {
        let named = |test: &&&Assessment| {
            args.tests.iter().any(|name| {
                let name = name.split('[').next().unwrap_or(name);
                test.id == *name
                    || test.id.ends_with(&format!("::{name}"))
                    || test.id.ends_with(&format!("/{name}"))
            })
        };
        let found: BTreeSet<String> = tests.iter().filter(named).map(|test| test.id.clone()).collect();
        anyhow::ensure!(
            !found.is_empty(),
            "no test is called {}; give node ids as pytest prints them",
            args.tests.join(", ")
        );
        out = Some(found);
    }
    if let Some(base) = &args.diff_base {
        let touched = scanned.iter().filter(|test| test.touched);
        let found: BTreeSet<String> = touched.map(|test| test.assessment.id.clone()).collect();
        anyhow::ensure!(
            !found.is_empty(),
            "no test changed since {base}; leave --diff-base out to hunt all of them"
        );
        out = Some(match out {
            Some(named) => named.intersection(&found).cloned().collect(),
            None => found,
        });
    }
    Ok(out)
}

/// The file of a node id, and what follows it (`::TestA::test_b[1]`); a path alone has nothing that follows.
fn file_and_names(path: &Path) -> (PathBuf, String) {
    let text = path.to_string_lossy();
    match text.find("::") {
        Some(at) if !path.exists() => (PathBuf::from(&text[..at]), text[at..].to_owned()),
        _ => (path.to_owned(), String::new()),
    }
}

/// A path or node id as pytest is given it, from the root.
fn relative(path: &Path, root: &Path) -> String {
    let (file, names) = file_and_names(path);
    let whole = std::path::absolute(&file).unwrap_or(file);
    let inner = whole.strip_prefix(root).unwrap_or(&whole);
    if inner.as_os_str().is_empty() { ".".to_owned() } else { inner.display().to_string() + &names }
}

/// The Python that was told, made absolute where it is a path: pytest runs from the root.
fn python(told: Option<&PathBuf>, project: &ProjectFile) -> anyhow::Result<Option<PathBuf>> {
    Ok(match told.or(project.hunt.python.as_ref()) {
        Some(path) if path.components().count() > 1 => Some(std::path::absolute(path)?),
        other => other.cloned(),
    })
}

/// Ctrl-C ends the hunt in order: processes end, and what was found so far is told.
fn end_with_interrupt(stop: &Stop) {
    let stop = stop.clone();
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            if tokio::signal::ctrl_c().await.is_ok() {
                stop.ask();
            }
        });
    });
}

/// Outcomes become history: the plain run, the others that a test came through, and every proof.
fn remember(
    args: &Args,
    project: &ProjectFile,
    near: &Path,
    repo: &str,
    history: &mut History,
    found: &Hunted,
) -> anyhow::Result<()> {
    let ended = found.tests.iter().map(|test| {
        // what failed with a change is told by its proof
        let times = if test.failed == 0 { test.runs } else { 1 };
        (test.id.as_str(), test.passed, times)
    });
    history.note_runs(repo, Timestamp::now(), ended);
    for unstable in &found.unstable {
        history.prove(&unstable.id, unstable.proof.clone());
    }
    let folder = super::open::place(&args.store, project, near).0;
    history.save(&folder)?;
    history::tell_the_store(&args.store, project, near, repo, history)
}

/// `90s`, `5m`, `1h`, or seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
    let seconds = match unit {
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("'{unit}' is no unit of time; give 90s, 5m or 1h")),
    };
    let number: f64 = number.parse().map_err(|_| format!("'{text}' is no time; give 90s, 5m or 1h"))?;
    let all = number * seconds;
    if !(1.0..=86_400.0).contains(&all) {
        return Err("a hunt takes from one second to a day".to_owned());
    }
    Ok(Duration::from_secs_f64(all))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn budgets_as_people_write_them() {
        for (text, seconds) in [("90s", 90.0), ("5m", 300.0), ("1h", 3600.0), ("45", 45.0), ("1.5m", 90.0)] {
            assert_eq!(duration(text).unwrap().as_secs_f64(), seconds);
        }
        for text in ["", "m", "0s", "5x", "-3s", "30d", "inf"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
