//! One pytest of the user's, under our plugin: it collects once and runs what it is asked to, in forked children, each
//! with one thing changed. Nothing of ours stays: plugin, socket, cache and temporary files lie in a folder that goes.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _, Seek as _, SeekFrom, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::HuntError;
use super::environment::Environment;

const PLUGIN: &str = include_str!("python/flakydetector_hunt.py");
const CHANGES: &str = include_str!("python/flakydetector_changes.py");
/// How often a wait looks up whether it should end.
const TICK: Duration = Duration::from_millis(100);
/// Beyond a run's own limit, so long may the other side be silent.
const GRACE: Duration = Duration::from_secs(10);
/// So long may collecting take at least.
const COLLECT: Duration = Duration::from_secs(120);
/// No line of ours is longer: all ids of a suite of a million tests.
const LONGEST_LINE: usize = 256 << 20;

/// Whether somebody wants an end.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Writes what a hunt puts beside pytest, for `python -m pytest -p flakydetector_changes` too.
///
/// # Errors
/// The folder cannot be made or written.
pub fn write_plugin(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    [("flakydetector_hunt.py", PLUGIN), ("flakydetector_changes.py", CHANGES)]
        .iter()
        .try_for_each(|(name, text)| std::fs::write(folder.join(name), text))
}

/// What every pytest of a hunt has in common.
pub(super) struct Setup {
    pub(super) environment: Environment,
    pub(super) root: PathBuf,
    /// What pytest is given to collect.
    pub(super) paths: Vec<String>,
    /// Ours, gone with the hunt.
    folder: tempfile::TempDir,
}

impl Setup {
    /// Writes the plugin to a folder of its own.
    ///
    /// # Errors
    /// There is no room for temporary files.
    pub(super) fn new(
        environment: Environment,
        root: PathBuf,
        paths: Vec<String>,
    ) -> Result<Setup, HuntError> {
        let folder = tempfile::Builder::new().prefix("fdhunt").tempdir().map_err(HuntError::NoRoom)?;
        write_plugin(&folder.path().join("plugins")).map_err(HuntError::NoRoom)?;
        Ok(Setup { environment, root, paths, folder })
    }

    /// A folder that nobody else uses, for whoever needs one.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// What pytest found.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Collected {
    /// Node ids in pytest's order.
    pub(super) ids: Vec<String>,
    pub(super) errors: Vec<CollectError>,
}

/// A file that pytest could not collect.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct CollectError {
    pub id: String,
    pub error: String,
}

/// How a test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Ending {
    Passed,
    Failed,
    Skipped,
}

/// One test of one run.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Ran {
    pub(super) id: String,
    pub(super) outcome: Ending,
    pub(super) error: String,
    pub(super) seconds: f64,
}

/// One group of tests, run in one process.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    pub(super) tests: Vec<Ran>,
    /// The test that was running when the process ended before its time, and how that was.
    pub(super) died_in: Option<(String, String)>,
}

/// What to run.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) groups: Vec<Vec<String>>,
    /// Changes of the plugin, by name.
    pub(super) changes: Map<String, Value>,
    /// For each group.
    pub(super) limit: Duration,
    /// For each test.
    pub(super) each: Duration,
}

/// A pytest that has collected and waits.
pub(super) struct Worker {
    process: Child,
    reader: BufReader<UnixStream>,
    /// The child that runs tests, in a process group of its own.
    running: Option<i32>,
    line: Vec<u8>,
    stop: Stop,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Told {
    Collected(Collected),
    Begin { group: usize, pid: i32 },
    Start { id: String },
    Test(Ran),
    Broke { error: String },
    End { group: usize, how: String },
    Done,
}

impl Worker {
    /// Starts pytest in the setup's environment with `variables` on top, and waits until it has collected.
    ///
    /// # Errors
    /// It ends before that; the end of what it said is told.
    pub(super) fn start(
        setup: &Setup,
        variables: &[(String, String)],
        stop: &Stop,
    ) -> Result<(Worker, Collected), HuntError> {
        let number = setup.folder().read_dir().map_or(0, Iterator::count);
        let own = setup.folder().join(format!("run{number}"));
        std::fs::create_dir(&own).map_err(HuntError::NoRoom)?;
        let socket = own.join("socket");
        let listener = UnixListener::bind(&socket).map_err(HuntError::NoRoom)?;
        listener.set_nonblocking(true).map_err(HuntError::NoRoom)?;
        let log = own.join("log");
        let output = File::create(&log).map_err(HuntError::NoRoom)?;
        let mut process = Command::new(&setup.environment.python)
            .args([
                "-m",
                "pytest",
                "-p",
                "flakydetector_hunt",
                "-q",
                "--tb=native",
                "--continue-on-collection-errors",
            ])
            .arg(format!("--rootdir={}", setup.root.display()))
            .arg(format!("--basetemp={}", own.join("tmp").display()))
            .arg("-o")
            .arg(format!("cache_dir={}", own.join("cache").display()))
            .args(&setup.environment.neutral)
            .args(&setup.paths)
            .current_dir(&setup.root)
            .env("PYTHONPATH", python_path(&setup.folder().join("plugins")))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONHASHSEED", "0")
            .env("FLAKYDETECTOR_HUNT", &socket)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stderr(output.try_clone().map_err(HuntError::NoRoom)?)
            .stdout(output)
            .process_group(0)
            .spawn()
            .map_err(|error| HuntError::NoPython {
                python: setup.environment.python.display().to_string(),
                reason: error.to_string(),
            })?;
        let end = Instant::now() + COLLECT;
        let stream = loop {
            match listener.accept() {
                Ok((stream, _)) => break Some(stream),
                Err(_) if stop.is_asked() || Instant::now() > end => break None,
                Err(_) => {}
            }
            if process.try_wait().is_ok_and(|status| status.is_some()) {
                break None;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let Some(stream) = stream else {
            kill(process.id().cast_signed());
            let _ = process.wait();
            return Err(HuntError::Start { said: tail(&log) });
        };
        stream.set_nonblocking(false).map_err(HuntError::NoRoom)?;
        stream.set_read_timeout(Some(TICK)).map_err(HuntError::NoRoom)?;
        let reader = BufReader::new(stream);
        let mut worker = Worker { process, reader, running: None, line: vec![], stop: stop.clone() };
        match worker.told(end) {
            Some(Told::Collected(collected)) => Ok((worker, collected)),
            _ => {
                drop(worker);
                Err(HuntError::Start { said: tail(&log) })
            }
        }
    }

    /// Runs every group, each in a child of its own, as far as the time goes. A worker that ends meanwhile, or is
    /// silent for too long, gives what it told until then and `false`.
    pub(super) fn run(&mut self, asked: &Asked) -> (Vec<Group>, bool) {
        let message = serde_json::json!({
            "groups": asked.groups, "changes": asked.changes, "fork": true,
            "limit": asked.limit.as_secs_f64(), "each": asked.each.as_secs_f64(),
        });
        let mut groups = vec![Group::default(); asked.groups.len()];
        if writeln!(self.reader.get_mut(), "{message}").is_err() {
            return (groups, false);
        }
        let (mut at, mut running) = (0, None);
        loop {
            match self.told(Instant::now() + asked.limit + GRACE) {
                Some(Told::Begin { group, pid }) => {
                    at = group;
                    self.running = Some(pid);
                }
                Some(Told::Start { id }) => running = Some(id),
                Some(Told::Test(test)) => {
                    running = None;
                    if let Some(group) = groups.get_mut(at) {
                        group.tests.push(test);
                    }
                }
                Some(Told::Broke { error }) => tracing::debug!("a run broke: {error}"),
                Some(Told::End { group, how }) => {
                    self.running = None;
                    if let (Some(id), Some(group)) = (running.take(), groups.get_mut(group)) {
                        group.died_in = Some((id, how));
                    }
                }
                Some(Told::Done) => return (groups, true),
                Some(Told::Collected(_)) => {}
                None => {
                    if let (Some(id), Some(group)) = (running, groups.get_mut(at)) {
                        group.died_in = Some((id, "silent".to_owned()));
                    }
                    self.end();
                    return (groups, false);
                }
            }
        }
    }

    /// The next line, before `end`; nothing where the other side is gone, late, or somebody wants an end.
    fn told(&mut self, end: Instant) -> Option<Told> {
        loop {
            match self.reader.read_until(b'\n', &mut self.line) {
                Ok(0) => return None,
                Ok(_) if self.line.ends_with(b"\n") => {
                    let told = serde_json::from_slice(&self.line);
                    self.line.clear();
                    match told {
                        Ok(told) => return Some(told),
                        Err(error) => tracing::debug!("a line that cannot be read: {error}"),
                    }
                }
                Ok(_) | Err(_) if self.line.len() > LONGEST_LINE => return None,
                Ok(_) => {}
                Err(error) if is_timeout(&error) => {}
                Err(_) => return None,
            }
            if self.stop.is_asked() || Instant::now() > end {
                return None;
            }
        }
    }

    fn end(&mut self) {
        if let Some(child) = self.running.take() {
            kill(child);
        }
        kill(self.process.id().cast_signed());
        let _ = self.process.wait();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.end();
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut | std::io::ErrorKind::Interrupted
    )
}

/// Ends a process and everything in its group.
fn kill(group: i32) {
    if let Some(group) = Pid::from_raw(group) {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

fn python_path(ours: &Path) -> std::ffi::OsString {
    let theirs = std::env::var_os("PYTHONPATH").unwrap_or_default();
    let all = std::iter::once(ours.to_owned()).chain(std::env::split_paths(&theirs));
    std::env::join_paths(all).unwrap_or_else(|_| ours.into())
}

/// The last bytes of a file, as text: who wrote it may have written gigabytes.
pub(super) fn end_of(file: &Path, bytes: u64) -> std::io::Result<String> {
    let mut file = File::open(file)?;
    file.seek(SeekFrom::Start(file.metadata()?.len().saturating_sub(bytes)))?;
    let mut said = vec![];
    file.take(bytes).read_to_end(&mut said)?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}

/// The last lines that a process said.
fn tail(log: &Path) -> String {
    let text = end_of(log, 4_000).unwrap_or_default().replace('\0', "");
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}
