//! Settings: flag > environment > nearest project file > default. The project file is `flakydetector.toml`, or
//! `[tool.flakydetector]` in `pyproject.toml`. Flags and environment are clap's; this reads the file.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

use crate::index::qdrant::Layout;

/// What a project file can say.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ProjectFile {
    pub repo: Option<String>,
    pub team: Option<String>,
    /// Folder of the embedded store, relative to the project file.
    pub store: Option<PathBuf>,
    pub qdrant_url: Option<String>,
    pub ollama_host: Option<String>,
    pub llm_url: Option<String>,
    pub model: Option<String>,
    /// How collections are laid out that are made on a Qdrant server.
    #[serde(default)]
    pub qdrant: Layout,
    #[serde(default)]
    pub hunt: HuntSettings,
    /// Rules that are not run, by code.
    #[serde(default)]
    pub ignore: Vec<String>,
}

/// What a project file says of hunts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HuntSettings {
    /// Whether the project's tests may be run without asking.
    #[serde(default)]
    pub allow: bool,
    /// The Python to run them with, relative to the project file.
    pub python: Option<PathBuf>,
}

/// A project file that cannot be used.
#[derive(Debug, Error)]
#[error("{path} is not a valid configuration: {reason}; correct it or remove it")]
pub struct ConfigError {
    path: String,
    reason: String,
}

impl ProjectFile {
    /// The nearest project file at or above `start`; the default where there is none.
    ///
    /// # Errors
    /// The file is no TOML, or has a setting that does not exist.
    pub fn nearest(start: &Path) -> Result<ProjectFile, ConfigError> {
        let start = std::path::absolute(start).unwrap_or_else(|_| start.to_owned());
        for folder in start.ancestors() {
            let own = folder.join("flakydetector.toml");
            if let Ok(text) = std::fs::read_to_string(&own) {
                return ProjectFile::parse(&text)
                    .map(|file| file.at(folder))
                    .map_err(|reason| error(&own, reason));
            }
            let project = folder.join("pyproject.toml");
            if let Ok(text) = std::fs::read_to_string(&project)
                && text.contains("[tool.flakydetector]")
            {
                let section = section(&text).map_err(|reason| error(&project, reason))?;
                return Ok(section.at(folder));
            }
        }
        Ok(ProjectFile::default())
    }

    fn parse(text: &str) -> Result<ProjectFile, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    fn at(mut self, folder: &Path) -> ProjectFile {
        self.store = self.store.map(|store| folder.join(store));
        self.hunt.python = self.hunt.python.map(|python| folder.join(python));
        self
    }
}

fn section(text: &str) -> Result<ProjectFile, String> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
    let own = table.get("tool").and_then(|tool| tool.get("flakydetector")).cloned();
    own.map_or_else(
        || Ok(ProjectFile::default()),
        |own| own.try_into().map_err(|error: toml::de::Error| error.to_string()),
    )
}

fn error(path: &Path, reason: String) -> ConfigError {
    ConfigError { path: path.display().to_string(), reason }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_file_wins_and_its_paths_are_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::write(
            folder.path().join("pyproject.toml"),
            "[tool.flakydetector]\nteam = \"core\"\nstore = \"x\"\n",
        )
        .unwrap();
        let found = ProjectFile::nearest(&inner).unwrap();
        assert_eq!(found.team.as_deref(), Some("core"));
        assert_eq!(found.store, Some(folder.path().join("x")));
        std::fs::write(inner.join("flakydetector.toml"), "team = \"edge\"\n").unwrap();
        assert_eq!(ProjectFile::nearest(&inner).unwrap().team.as_deref(), Some("edge"));
    }

    #[test]
    fn an_unknown_setting_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("flakydetector.toml"), "stoer = 1\n").unwrap();
        let message = ProjectFile::nearest(folder.path()).unwrap_err().to_string();
        assert!(message.contains("stoer") && message.contains("flakydetector.toml"), "{message}");
    }
}
