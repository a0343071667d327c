//! Where the embedding model and its runtime lie, and whether they are the files that were pinned.
//! Knows no inference.

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::UNIX_EPOCH;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::embedder::EmbedError;

/// The environment variable that names the models folder.
pub const MODELS_VARIABLE: &str = "FLAKYDETECTOR_MODELS";
/// The environment variable that names ONNX Runtime's library.
pub const RUNTIME_VARIABLE: &str = "ORT_DYLIB_PATH";

/// The environment variable that forbids ONNX Runtime its telemetry.
const QUIET_VARIABLE: &str = "ORT_DISABLE_TELEMETRY";
const TELEMETRY: &[u8] = b"events.data.microsoft.com";

/// `models/embedding.toml`: what has to lie in the models folder.
#[derive(Debug, Deserialize)]
pub struct Pins {
    pub model: String,
    pub dimensions: usize,
    #[serde(rename = "file")]
    pub files: Vec<Pin>,
}

/// One pinned file.
#[derive(Debug, Deserialize)]
pub struct Pin {
    /// Relative to the models folder.
    pub path: String,
    pub sha256: String,
    /// The package that carries it.
    pub wheel: String,
    pub version: String,
}

/// The pins this version was built with.
pub static PINS: LazyLock<Pins> = LazyLock::new(|| {
    toml::from_str(include_str!("../../models/embedding.toml"))
        .expect("models/embedding.toml is part of the program and tested")
});

/// The models folder: `FLAKYDETECTOR_MODELS`, else `models` beside the program if the model is there,
/// else the user's data folder. It need not exist.
pub fn folder() -> PathBuf {
    folder_from(|name| std::env::var_os(name), beside_the_program().as_deref())
}

fn folder_from(variable: impl Fn(&str) -> Option<OsString>, program: Option<&Path>) -> PathBuf {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    if let Some(folder) = set(MODELS_VARIABLE) {
        return folder.into();
    }
    if let Some(beside) = program.map(|folder| folder.join("models"))
        && beside.join(&PINS.model).is_dir()
    {
        return beside;
    }
    let data = set("XDG_DATA_HOME")
        .map(PathBuf::from)
        .or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".local/share")))
        .unwrap_or_else(|| PathBuf::from("."));
    data.join("flakydetector").join("models")
}

/// ONNX Runtime's library: `ORT_DYLIB_PATH`, else beside the program, else in the models folder. That in the models
/// folder is the pinned one; another must be one that reports to nobody.
pub fn runtime(folder: &Path) -> Result<PathBuf, EmbedError> {
    let library = runtime_from(std::env::var_os(RUNTIME_VARIABLE), beside_the_program().as_deref(), folder)?;
    let is_told_not_to =
        std::env::var_os(QUIET_VARIABLE).is_some_and(|value| !value.is_empty() && value != "0");
    match PINS.files.iter().find(|pin| folder.join(&pin.path) == library) {
        Some(pin) => verify_file(&library, &pin.sha256)?,
        None if !is_told_not_to && reports_home(&library) => {
            return Err(EmbedError::Reports { path: library.display().to_string() });
        }
        None => {}
    }
    Ok(library)
}

/// Whether a library holds the address that ONNX Runtime sends telemetry to, as builds for Linux do from 1.29 on.
fn reports_home(library: &Path) -> bool {
    fs::read(library).is_ok_and(|content| memchr::memmem::find(&content, TELEMETRY).is_some())
}

fn runtime_from(
    variable: Option<OsString>,
    program: Option<&Path>,
    folder: &Path,
) -> Result<PathBuf, EmbedError> {
    if let Some(path) = variable.filter(|value| !value.is_empty()).map(PathBuf::from) {
        return if path.is_file() { Ok(path) } else { Err(missing(&path)) };
    }
    program
        .into_iter()
        .chain([folder])
        .find_map(library_in)
        .ok_or_else(|| missing(&folder.join(library_name())))
}

/// `libonnxruntime.so`, or with a version behind it, in `folder`.
fn library_in(folder: &Path) -> Option<PathBuf> {
    let exact = folder.join(library_name());
    if exact.is_file() {
        return Some(exact);
    }
    let mut versioned: Vec<PathBuf> = fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(&library_name())
                || (name.starts_with("libonnxruntime.") && name.ends_with(".dylib"))
        })
        .collect();
    versioned.sort();
    versioned.pop()
}

fn library_name() -> String {
    format!("{}onnxruntime{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX)
}

fn beside_the_program() -> Option<PathBuf> {
    Some(std::env::current_exe().ok()?.parent()?.to_path_buf())
}

fn missing(path: &Path) -> EmbedError {
    EmbedError::Missing { path: path.display().to_string() }
}

/// The content of the model's file `name` in `folder`, which must be there.
pub fn read(folder: &Path, name: &str) -> Result<Vec<u8>, EmbedError> {
    let path = folder.join(&PINS.model).join(name);
    match fs::read(&path) {
        Ok(content) => Ok(content),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(missing(&path)),
        Err(error) => Err(EmbedError::Failed {
            action: "read its files",
            reason: format!("{}: {error}", path.display()),
        }),
    }
}

/// Whether every pinned file of the model lies in `folder` and is the one that was pinned. A file is hashed once;
/// after that its size and time of change stand for it.
pub fn verify(folder: &Path) -> Result<(), EmbedError> {
    for pin in PINS.files.iter().filter(|pin| pin.path.starts_with(&PINS.model)) {
        verify_file(&folder.join(&pin.path), &pin.sha256)?;
    }
    Ok(())
}

fn verify_file(path: &Path, expected: &str) -> Result<(), EmbedError> {
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => missing(path),
        _ => EmbedError::Failed { action: "read its files", reason: format!("{}: {error}", path.display()) },
    };
    let seal = seal(path, expected).map_err(unreadable)?;
    let mut name = path.as_os_str().to_owned();
    name.push(".verified");
    if fs::read_to_string(&name).is_ok_and(|known| known == seal) {
        return Ok(());
    }
    let found = sha256(path).map_err(unreadable)?;
    if found != expected {
        return Err(EmbedError::Wrong {
            path: path.display().to_string(),
            found,
            expected: expected.to_string(),
        });
    }
    // a folder that cannot be written to only costs the time to hash again
    let _ = fs::write(&name, seal);
    Ok(())
}

fn seal(path: &Path, expected: &str) -> std::io::Result<String> {
    let metadata = fs::metadata(path)?;
    let changed = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    Ok(format!("{} {} {changed} {expected}\n", path.display(), metadata.len()))
}

fn sha256(path: &Path) -> std::io::Result<String> {
    let mut file = fs::File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => hasher.update(&buffer[..count]),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_pins_name_what_is_loaded() {
        assert_eq!(PINS.dimensions, crate::index::store::TEXT_DIMENSIONS);
        let paths: Vec<&str> = PINS.files.iter().map(|pin| pin.path.as_str()).collect();
        for file in [
            "model.onnx",
            "tokenizer.json",
            "config.json",
            "special_tokens_map.json",
            "tokenizer_config.json",
        ] {
            assert!(paths.contains(&format!("{}/{file}", PINS.model).as_str()), "{file} is not pinned");
        }
        assert!(
            PINS.files
                .iter()
                .all(|pin| pin.sha256.len() == 64 && !pin.wheel.is_empty() && !pin.version.is_empty())
        );
    }

    #[test]
    fn the_folder_is_the_variable_then_beside_the_program_then_the_users() {
        let home = |name: &str| (name == "HOME").then(|| OsString::from("/home/a"));
        assert_eq!(folder_from(home, None), Path::new("/home/a/.local/share/flakydetector/models"));
        let xdg = |name: &str| (name == "XDG_DATA_HOME").then(|| OsString::from("/data"));
        assert_eq!(folder_from(xdg, None), Path::new("/data/flakydetector/models"));

        let program = tempfile::tempdir().unwrap();
        fs::create_dir_all(program.path().join("models")).unwrap();
        assert_eq!(folder_from(xdg, Some(program.path())), Path::new("/data/flakydetector/models"));
        fs::create_dir_all(program.path().join("models").join(&PINS.model)).unwrap();
        assert_eq!(folder_from(xdg, Some(program.path())), program.path().join("models"));

        let set = |name: &str| (name == MODELS_VARIABLE).then(|| OsString::from("/elsewhere"));
        assert_eq!(folder_from(set, Some(program.path())), Path::new("/elsewhere"));
    }

    #[test]
    fn the_runtime_is_the_variable_then_beside_the_program_then_the_folder() {
        let (program, models) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let find = |variable: Option<&Path>| {
            runtime_from(
                variable.map(|path| path.as_os_str().to_owned()),
                Some(program.path()),
                models.path(),
            )
        };
        assert!(find(None).unwrap_err().to_string().contains(&library_name()));
        let in_models = models.path().join(library_name());
        fs::write(&in_models, "").unwrap();
        assert_eq!(find(None).unwrap(), in_models);
        let beside = program.path().join(format!("{}.1.28.0", library_name()));
        fs::write(&beside, "").unwrap();
        assert_eq!(find(None).unwrap(), beside);
        let named = models.path().join("elsewhere");
        assert!(
            matches!(find(Some(&named)), Err(EmbedError::Missing { path }) if path.ends_with("elsewhere"))
        );
        fs::write(&named, "").unwrap();
        assert_eq!(find(Some(&named)).unwrap(), named);
    }

    #[test]
    fn the_pinned_runtime_reports_to_nobody() {
        let library = runtime(&folder()).unwrap();
        assert!(!reports_home(&library), "{}", library.display());
        let other = tempfile::NamedTempFile::new().unwrap();
        fs::write(other.path(), b"\x7fELF https://mobile.events.data.microsoft.com/OneCollector/1.0/")
            .unwrap();
        assert!(reports_home(other.path()));
    }

    #[test]
    fn a_file_is_hashed_once_and_again_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.onnx");
        let expected = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"; // of "hello"
        assert!(matches!(verify_file(&path, expected), Err(EmbedError::Missing { .. })));
        fs::write(&path, "hello").unwrap();
        verify_file(&path, expected).unwrap();
        let seal = folder.path().join("model.onnx.verified");
        assert!(fs::read_to_string(&seal).unwrap().contains(expected));
        verify_file(&path, expected).unwrap();

        fs::write(&path, "other").unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(9)).unwrap();
        let error = verify_file(&path, expected).unwrap_err();
        assert!(matches!(&error, EmbedError::Wrong { expected: pinned, .. } if pinned == expected));
        assert!(error.to_string().contains("model.onnx"));
    }
}
