//! pytest's settings that say what a test is, from the file that pytest would take.

use std::path::Path;

use globset::{GlobBuilder, GlobMatcher};

/// What pytest collects in a project.
#[derive(Clone, Debug)]
pub struct PytestConfig {
    files: Vec<GlobMatcher>,
    functions: Vec<GlobMatcher>,
    classes: Vec<GlobMatcher>,
    testpaths: Vec<GlobMatcher>,
    norecursedirs: Vec<GlobMatcher>,
    /// Event loops whose time is not the clock's: `--looptime` in `addopts`
    pub fake_clock: bool,
    /// `--ignore` and `--ignore-glob` in `addopts`
    ignored: Vec<GlobMatcher>,
    /// `asyncio_mode = auto`
    pub asyncio_auto: bool,
}

/// The files that can hold pytest's settings, in pytest's order.
pub const CONFIG_FILES: [&str; 7] =
    ["pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg"];

/// Folders that pytest does not enter unless it is told to.
const NORECURSEDIRS: [&str; 8] =
    ["*.egg", "_darcs", "build", "CVS", "dist", "node_modules", "venv", "{arch}"];

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
            testpaths: globs(
                Some(words("testpaths", &[]))
                    .filter(|paths| !paths.iter().any(|path| path == "."))
                    .into_iter()
                    .flatten()
                    .map(|path| path.trim_start_matches("./").trim_end_matches('/').to_owned())
                    .filter(|path| path.contains(['*', '?', '[']) || root.join(path).exists())
                    .collect(),
            ),
            norecursedirs: globs(words("norecursedirs", &NORECURSEDIRS)),
            ignored: globs(ignored(&words("addopts", &[]))),
            fake_clock: words("addopts", &[]).iter().any(|option| option == "--looptime"),
            asyncio_auto: get("asyncio_mode").is_some_and(|(_, value)| value.trim() == "auto"),
        }
    }

    /// Whether pytest collects the file at this root-relative path when it is given a folder.
    pub fn is_test_file(&self, file: &str) -> bool {
        let name = file.rsplit('/').next().unwrap_or(file);
        self.files.iter().any(|glob| glob.is_match(name) || glob.is_match(file))
    }

    /// Whether pytest looks at the file at this root-relative path when it is given no path.
    pub fn is_in_testpaths(&self, file: &str) -> bool {
        self.testpaths.is_empty() || is_below(file, &self.testpaths)
    }

    /// Whether the options that pytest always gets tell it to ignore the file at this root-relative path.
    pub fn is_ignored(&self, file: &str) -> bool {
        is_below(file, &self.ignored)
    }

    /// Whether pytest stays out of the folder of this name.
    pub fn is_left_out(&self, folder: &str) -> bool {
        self.norecursedirs.iter().any(|glob| glob.is_match(folder))
    }

    pub fn is_test_function(&self, name: &str) -> bool {
        self.functions.iter().any(|glob| glob.is_match(name))
    }

    pub fn is_test_class(&self, name: &str) -> bool {
        self.classes.iter().any(|glob| glob.is_match(name))
    }
}

/// Whether a file or a folder above it is meant.
fn is_below(file: &str, paths: &[GlobMatcher]) -> bool {
    let mut above = file.match_indices('/').map(|(end, _)| &file[..end]).chain([file]);
    above.any(|path| paths.iter().any(|glob| glob.is_match(path)))
}

/// The paths and patterns that options tell pytest to ignore.
fn ignored(options: &[String]) -> Vec<String> {
    let mut out = vec![];
    let mut options = options.iter().map(|option| option.trim_matches(['"', '\'']));
    while let Some(option) = options.next() {
        let value = match option {
            "--ignore" | "--ignore-glob" => options.next(),
            _ => option.strip_prefix("--ignore=").or_else(|| option.strip_prefix("--ignore-glob=")),
        };
        out.extend(value.map(|path| path.trim_start_matches("./").trim_end_matches('/').to_owned()));
    }
    out
}

fn globs(words: Vec<String>) -> Vec<GlobMatcher> {
    let glob = |word: &String| GlobBuilder::new(word).literal_separator(true).build().ok();
    words.iter().filter_map(glob).map(|glob| glob.compile_matcher()).collect()
}

/// pytest's section of a configuration file as key and value; `None` where the file has none.
pub fn section(name: &str, text: &str) -> Option<Vec<(String, String)>> {
    if name.ends_with(".toml") {
        let table: toml::Table = text.parse().ok()?;
        // since pytest 9 also `[tool.pytest]`, and `[pytest]` in a file of its own
        let own = table.get("pytest").filter(|_| name.ends_with("pytest.toml"));
        let section = own.or_else(|| table.get("tool")?.get("pytest"))?.as_table()?;
        let options = section.get("ini_options").and_then(|options| options.as_table()).unwrap_or(section);
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn config(name: &str, text: &str, folders: &[&str]) -> PytestConfig {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join(name), text).unwrap();
        folders.iter().for_each(|folder| std::fs::create_dir_all(root.path().join(folder)).unwrap());
        PytestConfig::load(root.path())
    }

    #[test]
    fn every_file_that_pytest_reads_is_read() {
        for (name, text) in [
            ("pytest.ini", "[pytest]\npython_classes = *Case\npython_files = check_*.py\n    *_check.py\n"),
            ("tox.ini", "[tox]\n[pytest]\npython_classes=*Case\npython_files=check_*.py *_check.py\n"),
            ("setup.cfg", "[tool:pytest]\npython_classes = *Case\npython_files = check_*.py *_check.py\n"),
            (
                "pyproject.toml",
                "[tool.pytest.ini_options]\npython_classes = '*Case'\npython_files = ['check_*.py', '*_check.py']\n",
            ),
            (
                "pyproject.toml",
                "[tool.pytest]\npython_classes = ['*Case']\npython_files = ['check_*.py', '*_check.py']\n",
            ),
            (
                "pytest.toml",
                "[pytest]\npython_classes = ['*Case']\npython_files = ['check_*.py', '*_check.py']\n",
            ),
        ] {
            let config = config(name, text, &[]);
            assert!(config.is_test_class("LoginCase") && !config.is_test_class("TestLogin"), "{name}");
            assert!(config.is_test_file("a/check_x.py") && config.is_test_file("x_check.py"), "{name}");
            assert!(!config.is_test_file("test_x.py"), "{name}");
        }
    }

    #[test]
    fn testpaths_and_norecursedirs_are_kept_to() {
        let config = config(
            "pytest.ini",
            "[pytest]\ntestpaths = unit packages/*/tests gone\nnorecursedirs = data\n",
            &["unit"],
        );
        assert!(
            config.is_in_testpaths("unit/a/test_a.py")
                && config.is_in_testpaths("packages/x/tests/test_a.py")
        );
        assert!(
            !config.is_in_testpaths("other/test_a.py") && !config.is_in_testpaths("packages/tests/test_a.py")
        );
        assert!(config.is_left_out("data") && !config.is_left_out("build"));
    }

    #[test]
    fn what_pytest_is_always_told_to_ignore_is_ignored() {
        let config = config(
            "pytest.ini",
            "[pytest]\naddopts = -ra --ignore=./vendor/ --ignore tests/slow --ignore-glob=*/old_*.py\n",
            &[],
        );
        for file in ["vendor/a/test_a.py", "tests/slow/test_a.py", "tests/old_a.py"] {
            assert!(config.is_ignored(file), "{file}");
        }
        assert!(!config.is_ignored("tests/test_a.py"));
    }
}
