//! A small project to work on, and the binary to do it with.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A suite with tests of several kinds: async Redis tests that sleep, a stable one, unittest, a class with a base.
pub(crate) struct Suite {
    pub(crate) folder: tempfile::TempDir,
}

impl Suite {
    pub(crate) fn new() -> Suite {
        let folder = tempfile::tempdir().unwrap();
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/suite"), folder.path());
        Suite { folder }
    }

    /// A folder with nothing in it.
    pub(crate) fn empty() -> Suite {
        Suite { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The binary in the suite's folder, in an environment that names no server.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flakydetector"));
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        for name in [
            "QDRANT_URL",
            "OLLAMA_HOST",
            "FLAKYDETECTOR_LLM_URL",
            "FLAKYDETECTOR_STORE",
            "FLAKYDETECTOR_MODEL",
        ] {
            command.env_remove(name);
        }
        command.env("OLLAMA_HOST", "127.0.0.1:9");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What a command that has to succeed prints as JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
