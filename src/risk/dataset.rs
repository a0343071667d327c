//! The table that the model learns from: one row per test of each labelled repository at its commit.
//! Source text never goes into it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::checkout::{Checkout, Scanner, matching};
use super::inputs::{INPUTS, input_names, inputs};
use super::kin::{Terms, states, terms};
use crate::effects::State;
use crate::source::git;

/// What kinds of unstable tests the labels tell apart.
pub const CATEGORIES: [&str; 5] = ["NOD", "OD-Vic", "OD-Brit", "OD", "NIO"];

/// One line of a label list.
#[derive(Clone, Debug, Deserialize)]
pub struct Label {
    pub repo: String,
    pub sha: String,
    pub test_id: String,
    pub category: String,
}

/// How a test that passes plainly fared under the changes of a hunt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// A change makes it fail again and again.
    Unstable,
    /// It passed in every run.
    Stable,
    /// It failed in some run, and not when that was repeated.
    Unconfirmed,
    /// It fails with nothing changed.
    Failing,
}

/// One test of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub repo: String,
    pub sha: String,
    /// Repositories that are copies of one another share a group.
    pub group: String,
    pub test_id: String,
    /// Empty for a test that the labels do not name.
    pub category: String,
    pub inputs: [f32; INPUTS],
    /// Hashed words of its name and code.
    pub(super) terms: Terms,
    /// Hashed states that it reads or changes.
    pub(super) states: Vec<State>,
    /// How it fared in a hunt, and in how many runs; no part of the table ([`super::hunted::join`]).
    pub(super) hunted: Option<(Outcome, u32)>,
    /// Under which change it failed there.
    pub(super) shown_by: String,
}

impl Row {
    pub fn is_flaky(&self) -> bool {
        !self.category.is_empty()
    }

    /// Whether a hunt showed that it is unstable.
    pub fn is_shown(&self) -> bool {
        matches!(self.hunted, Some((Outcome::Unstable, _)))
    }
}

/// A built table, and what did not get into it.
#[derive(Debug, Default)]
pub struct Dataset {
    pub rows: Vec<Row>,
    /// Labels that fit no function, with the reason.
    pub unmatched: Vec<(Label, String)>,
}

/// Why there is no table.
#[derive(Debug, Error)]
pub enum DatasetError {
    #[error("cannot read {path}: {reason}; check the path")]
    Unreadable { path: String, reason: String },
    #[error("{path} is not a {what}: it needs the columns {columns} ({reason})")]
    Columns { path: String, what: &'static str, columns: &'static str, reason: String },
    #[error(
        "{path} is not a dataset of this version: {reason}; build it again with 'flakydetector dataset build'"
    )]
    Table { path: String, reason: String },
    #[error("cannot write {path}: {reason}")]
    Unwritable { path: String, reason: String },
}

/// Reads a label list (CSV with a header).
///
/// # Errors
/// The file cannot be read, or columns are missing.
pub fn read_labels(path: &Path) -> Result<Vec<Label>, DatasetError> {
    let shown = path.display().to_string();
    let mut reader = csv::Reader::from_path(path)
        .map_err(|error| DatasetError::Unreadable { path: shown.clone(), reason: error.to_string() })?;
    reader.deserialize().collect::<Result<Vec<Label>, _>>().map_err(|error| DatasetError::Columns {
        path: shown,
        what: "label list",
        columns: "repo, sha, test_id, category",
        reason: error.to_string(),
    })
}

/// Which commits of a repository are scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commits {
    /// The one with the most labels; the labels of the others are looked for there.
    Fullest,
    /// Each that has a label, as a repository of its own (`owner/name@commit`): a label of a mending commit holds until
    /// then. Of the tests without a label so many stay, drawn by their names.
    Each { around: usize },
}

/// Scans each labelled repository at its commits.
pub fn build(
    labels: &[Label],
    clones: &Path,
    commits: Commits,
    scan: &Scanner,
    progress: &(dyn Fn(&str) + Sync),
) -> Dataset {
    let mut by_repo: BTreeMap<(&str, &str), Vec<&Label>> = BTreeMap::new();
    for label in labels {
        let commit = if commits == Commits::Fullest { "" } else { &*label.sha };
        by_repo.entry((&label.repo, commit)).or_default().push(label);
    }
    let groups = groups(labels);
    let parts: Vec<Dataset> = by_repo
        .par_iter()
        .map(|((repo, commit), labels)| {
            let mut part = build_one(repo, labels, &groups[*repo], clones, scan);
            if let Commits::Each { around } = commits {
                thin(&mut part.rows, commit, around);
            }
            progress(&format!(
                "{repo}: {} tests, {} labels without one",
                part.rows.len(),
                part.unmatched.len()
            ));
            part
        })
        .collect();
    let mut out = Dataset::default();
    for part in parts {
        out.rows.extend(part.rows);
        out.unmatched.extend(part.unmatched);
    }
    out
}

/// Leaves the labelled tests of one commit and some of those around them, under a name of their own.
fn thin(rows: &mut Vec<Row>, commit: &str, around: usize) {
    let lot = |row: &Row| *blake3::hash(row.test_id.as_bytes()).as_bytes();
    rows.sort_by_cached_key(|row| (!row.is_flaky(), lot(row)));
    let labelled = rows.iter().filter(|row| row.is_flaky()).count();
    rows.truncate(labelled + around);
    for row in &mut *rows {
        row.repo = format!("{}@{}", row.repo, &commit[..commit.len().min(12)]);
    }
    rows.sort_by(|a, b| a.test_id.cmp(&b.test_id));
}

/// Repository ─▶ group: copies share a commit or, but for case, a name.
fn groups(labels: &[Label]) -> BTreeMap<String, String> {
    let name = |repo: &str| repo.rsplit('/').next().unwrap_or(repo).to_lowercase();
    let mut first: BTreeMap<String, String> = BTreeMap::new();
    let mut out: BTreeMap<String, String> = BTreeMap::new();
    for label in labels {
        let keys = [label.sha.clone(), name(&label.repo)];
        let known = out.get(&label.repo).or_else(|| keys.iter().find_map(|key| first.get(key)));
        let group = known.unwrap_or(&label.repo).clone();
        for key in keys {
            first.entry(key).or_insert_with(|| group.clone());
        }
        out.insert(label.repo.clone(), group);
    }
    out
}

fn build_one(repo: &str, labels: &[&Label], group: &str, clones: &Path, scan: &Scanner) -> Dataset {
    let all_unmatched = |reason: String| Dataset {
        rows: vec![],
        unmatched: labels.iter().map(|label| ((*label).clone(), reason.clone())).collect(),
    };
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for label in labels {
        *counts.entry(&label.sha).or_default() += 1;
    }
    let Some((sha, _)) = counts.iter().max_by_key(|(_, count)| **count) else { return Dataset::default() };
    let scanned = git::find_clone(clones, repo).map_err(|error| error.to_string()).and_then(|git_dir| {
        let checkout = Checkout::new(&git_dir, repo, sha, &|_| true)?;
        scan(repo, labelled_paths(labels, checkout.path()))
    });
    let tests = match scanned {
        Ok(tests) => tests,
        Err(reason) => return all_unmatched(reason),
    };
    let mut categories: BTreeMap<&str, &str> = BTreeMap::new();
    let mut unmatched = vec![];
    for label in labels {
        match matching(&tests, &label.test_id) {
            Some(test) => {
                categories.insert(
                    &test.assessment.id,
                    CATEGORIES.into_iter().find(|known| *known == label.category).unwrap_or("OD"),
                );
            }
            None => unmatched.push(((*label).clone(), "no test of that name".to_owned())),
        }
    }
    let rows = tests
        .iter()
        .map(|test| Row {
            repo: repo.to_owned(),
            sha: (*sha).to_owned(),
            group: group.to_owned(),
            test_id: test.assessment.id.clone(),
            category: categories.get(test.assessment.id.as_str()).copied().unwrap_or_default().to_owned(),
            inputs: inputs(test),
            terms: terms(&test.assessment.id, &test.source),
            states: states(&test.touches),
            hunted: None,
            shown_by: String::new(),
        })
        .collect();
    Dataset { rows, unmatched }
}

/// The whole tree, and the labelled files that pytest would not collect by name.
fn labelled_paths(labels: &[&Label], folder: &Path) -> Vec<PathBuf> {
    let files: BTreeSet<&str> = labels.iter().filter_map(|label| label.test_id.split("::").next()).collect();
    let mut paths = vec![folder.to_owned()];
    paths.extend(files.into_iter().map(|file| folder.join(file)).filter(|path| path.is_file()));
    paths
}

/// Writes the table as gzipped CSV.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, rows: &[Row]) -> Result<(), DatasetError> {
    let failed = |reason: String| DatasetError::Unwritable { path: path.display().to_string(), reason };
    let mut writer = csv::Writer::from_writer(GzEncoder::new(vec![], Compression::best()));
    let head = ["repo", "sha", "group", "test_id", "category"]
        .into_iter()
        .chain(input_names())
        .chain(["terms", "states"]);
    writer.write_record(head).map_err(|error| failed(error.to_string()))?;
    for row in rows {
        let text = [&row.repo, &row.sha, &row.group, &row.test_id, &row.category].map(String::clone);
        // four digits tell all that the model can use
        let numbers = row.inputs.iter().map(|value| format!("{}", (value * 1e4).round() / 1e4));
        let hashes = [hex(&row.terms), hex(&row.states)];
        writer
            .write_record(text.into_iter().chain(numbers).chain(hashes))
            .map_err(|error| failed(error.to_string()))?;
    }
    let encoder = writer.into_inner().map_err(|error| failed(error.to_string()))?;
    let bytes = encoder.finish().map_err(|error| failed(error.to_string()))?;
    let mut file = std::fs::File::create(path).map_err(|error| failed(error.to_string()))?;
    file.write_all(&bytes).map_err(|error| failed(error.to_string()))
}

/// Reads a table written by [`write`].
///
/// # Errors
/// The file cannot be read or has other columns.
pub fn read(path: &Path) -> Result<Vec<Row>, DatasetError> {
    let table = |reason: String| DatasetError::Table { path: path.display().to_string(), reason };
    let text = read_table(path)?;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let head: Vec<String> =
        reader.headers().map_err(|error| table(error.to_string()))?.iter().map(str::to_owned).collect();
    let expected: Vec<&str> = input_names().into_iter().chain(["terms", "states"]).collect();
    if head.iter().skip(5).ne(&expected) {
        return Err(table("its columns are others".to_owned()));
    }
    let mut rows = vec![];
    for record in reader.records() {
        let record = record.map_err(|error| table(error.to_string()))?;
        let mut inputs = [0.0; INPUTS];
        for (value, text) in inputs.iter_mut().zip(record.iter().skip(5)) {
            *value = text.parse().map_err(|_| table(format!("'{text}' is not a number")))?;
        }
        let text = |column: usize| record.get(column).unwrap_or_default().to_owned();
        rows.push(Row {
            repo: text(0),
            sha: text(1),
            group: text(2),
            test_id: text(3),
            category: text(4),
            inputs,
            terms: unhex(record.get(5 + INPUTS)).map_err(table)?,
            states: unhex(record.get(6 + INPUTS)).map_err(table)?,
            hunted: None,
            shown_by: String::new(),
        });
    }
    Ok(rows)
}

/// The text of a gzipped table.
pub(super) fn read_table(path: &Path) -> Result<String, DatasetError> {
    let unreadable = |error: std::io::Error| DatasetError::Unreadable {
        path: path.display().to_string(),
        reason: error.to_string(),
    };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    GzDecoder::new(file).read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

/// Hashes as text.
fn hex<T: std::fmt::LowerHex>(hashes: &[T]) -> String {
    hashes.iter().map(|hash| format!("{hash:x}")).collect::<Vec<_>>().join(" ")
}

fn unhex<T: TryFrom<u32>>(text: Option<&str>) -> Result<Vec<T>, String> {
    let hash = |word: &str| u32::from_str_radix(word, 16).ok().and_then(|hash| T::try_from(hash).ok());
    let words = text.unwrap_or_default().split_whitespace();
    words.map(|word| hash(word).ok_or_else(|| format!("'{word}' is no hash"))).collect()
}
