//! pytest's settings that say what a test is, from the file that pytest would take.

use std::path::Path;

use globset::{Glob, GlobMatcher};

/// What pytest collects in a project.
#[derive(Debug)]
pub struct PytestConfig {
    files: Vec<GlobMatcher>,
    functions: Vec<GlobMatcher>,
    classes: Vec<GlobMatcher>,
    /// `asyncio_mode = auto`
    pub asyncio_auto: bool,
}

/// The files that can hold pytest's settings, in pytest's order.
pub const CONFIG_FILES: [&str; 5] = ["pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg"];

impl PytestConfig {
    /// Reads the settings of the project at `root`; what is missing or unreadable takes pytest's default.
    pub fn load(root: &Path) -> PytestConfig {
        let settings = CONFIG_FILES.iter().find_map(|name| {
            let text = std::fs::read_to_string(root.join(name)).ok()?;
            section(name, &text)
        });
        let get = |key: &str| settings.as_ref().and_then(|pairs| pairs.iter().find(|(name, _)| name == key));
        let words = |key: &str, default: &[&str]| -> Vec<String> {
            match get(key) {
                Some((_, value)) if !value.trim().is_empty() => {
                    value.split_whitespace().map(str::to_owned).collect()
                }
                _ => default.iter().map(|word| (*word).to_owned()).collect(),
            }
        };
        // pytest: a pattern without wildcards is a prefix for functions and classes
        let prefixes = |words: Vec<String>| {
            words
                .into_iter()
                .map(|word| if word.contains(['*', '?', '[']) { word } else { word + "*" })
                .collect()
        };
        PytestConfig {
            files: globs(words("python_files", &["test_*.py", "*_test.py"])),
            functions: globs(prefixes(words("python_functions", &["test"]))),
            classes: globs(prefixes(words("python_classes", &["Test"]))),
            asyncio_auto: get("asyncio_mode").is_some_and(|(_, value)| value.trim() == "auto"),
        }
    }

    /// Whether pytest collects the file at this root-relative path when it is given a folder.
    pub fn is_test_file(&self, file: &str) -> bool {
        let name = file.rsplit('/').next().unwrap_or(file);
        self.files.iter().any(|glob| glob.is_match(name) || glob.is_match(file))
    }

    pub fn is_test_function(&self, name: &str) -> bool {
        self.functions.iter().any(|glob| glob.is_match(name))
    }

    pub fn is_test_class(&self, name: &str) -> bool {
        self.classes.iter().any(|glob| glob.is_match(name))
    }
}

fn globs(words: Vec<String>) -> Vec<GlobMatcher> {
    words.iter().filter_map(|word| Glob::new(word).ok()).map(|glob| glob.compile_matcher()).collect()
}

/// pytest's section of a configuration file as key and value; `None` where the file has none.
pub fn section(name: &str, text: &str) -> Option<Vec<(String, String)>> {
    if name.ends_with(".toml") {
        let table: toml::Table = text.parse().ok()?;
        let options = table.get("tool")?.get("pytest")?.get("ini_options")?.as_table()?;
        let words = |value: &toml::Value| match value {
            toml::Value::Array(items) => {
                items.iter().filter_map(|item| item.as_str()).collect::<Vec<_>>().join(" ")
            }
            toml::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        return Some(options.iter().map(|(key, value)| (key.clone(), words(value))).collect());
    }
    let wanted = if name == "setup.cfg" { "[tool:pytest]" } else { "[pytest]" };
    let mut inside = false;
    let mut pairs: Vec<(String, String)> = vec![];
    let mut found = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.starts_with('[') {
            inside = trimmed == wanted;
            found |= inside;
        } else if inside && !trimmed.starts_with(['#', ';']) {
            match trimmed.split_once('=') {
                Some((key, value)) if !line.starts_with([' ', '\t']) => {
                    pairs.push((key.trim().to_owned(), value.trim().to_owned()));
                }
                _ => {
                    if let Some((_, value)) = pairs.last_mut() {
                        value.push(' ');
                        value.push_str(trimmed);
                    }
                }
            }
        }
    }
    // an empty pytest.ini is pytest's configuration too
    (found || name.ends_with("pytest.ini")).then_some(pairs)
}
