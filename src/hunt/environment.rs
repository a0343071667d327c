//! The user's own Python: which one it is, and what of pytest is installed in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::HuntError;

/// Asks a Python what it has; nothing of it is imported but names are looked up.
const ASK: &str = "import importlib.util as u, json, sys; \
    has = lambda name: u.find_spec(name) is not None; \
    print(json.dumps({'python': sys.version.split()[0], 'pytest': has('pytest'), \
    'plugins': [n for n in ('xdist', 'pytest_randomly', 'random_order', 'pytest_cov', 'pytest_rerunfailures') if has(n)]}))";

/// A Python with pytest.
#[derive(Clone, Debug)]
pub struct Environment {
    pub python: PathBuf,
    /// Options that keep plugins from changing what a run means: their order, their retries, their processes.
    pub neutral: Vec<String>,
}

#[derive(Deserialize)]
struct Answer {
    pytest: bool,
    plugins: Vec<String>,
}

impl Environment {
    /// The Python that was told, else that of the project's virtual environment, else `python3`.
    ///
    /// # Errors
    /// It does not run, or has no pytest.
    pub fn find(told: Option<&Path>, root: &Path) -> Result<Environment, HuntError> {
        let python = match told {
            Some(path) => path.to_owned(),
            None => of_project(root).unwrap_or_else(|| PathBuf::from("python3")),
        };
        let shown = python.display().to_string();
        let output = Command::new(&python)
            .args(["-c", ASK])
            .current_dir(root)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .output()
            .map_err(|error| HuntError::NoPython { python: shown.clone(), reason: error.to_string() })?;
        let answer: Answer = serde_json::from_slice(&output.stdout).map_err(|_| {
            let said = String::from_utf8_lossy(&output.stderr);
            let reason = said.lines().last().unwrap_or("it said nothing").to_owned();
            HuntError::NoPython { python: shown.clone(), reason }
        })?;
        if !answer.pytest {
            return Err(HuntError::NoPytest { python: shown });
        }
        let neutral = answer.plugins.iter().flat_map(|plugin| neutral(plugin)).map(|s| (*s).to_owned());
        Ok(Environment { python, neutral: neutral.collect() })
    }
}

fn of_project(root: &Path) -> Option<PathBuf> {
    let active = std::env::var_os("VIRTUAL_ENV").map(PathBuf::from);
    [".venv", "venv", "env"]
        .map(|name| root.join(name))
        .into_iter()
        .chain(active)
        .map(|folder| folder.join("bin/python"))
        .find(|python| python.is_file())
}

fn neutral(plugin: &str) -> &'static [&'static str] {
    match plugin {
        "xdist" => &["-n0"],
        "pytest_randomly" => &["-p", "no:randomly"],
        "random_order" => &["-p", "no:random_order"],
        "pytest_cov" => &["--no-cov"],
        "pytest_rerunfailures" => &["--reruns", "0"],
        _ => &[],
    }
}
