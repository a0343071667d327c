//! Findings that a team accepted for now: kept in a file beside the code, keyed on test, rule, syntax and count, so
//! that a second offence in the same test shows, and a moved line does not.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::scan::{Applied, Scan};
use crate::smells::Finding;

const VERSION: u32 = 1;
/// Longer syntax is cut and told apart by a hash.
const LONGEST: usize = 120;

/// The accepted findings of a project.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    version: u32,
    entries: Vec<Entry>,
}

/// Findings of one rule with the same syntax in one test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub test: String,
    pub rule: String,
    /// The offending code with its white space folded.
    pub syntax: String,
    pub count: u32,
    /// Who looks after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// From the day after on it is reported again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Date>,
}

/// A baseline that cannot be used.
#[derive(Debug, Error)]
pub enum BaselineError {
    #[error("the baseline {path} cannot be read: {reason}; write one with --write-baseline")]
    Read { path: String, reason: std::io::Error },
    #[error("{path} is no baseline: {reason}; correct it, or write it again with --write-baseline")]
    Format { path: String, reason: String },
    #[error("the baseline {path} cannot be written: {reason}; check the folder and its permissions")]
    Write { path: String, reason: std::io::Error },
}

type Key = (String, String, String);

impl Baseline {
    /// # Errors
    /// The file cannot be read, or is no baseline of this version.
    pub fn load(path: &Path) -> Result<Baseline, BaselineError> {
        let shown = || path.display().to_string();
        let text =
            std::fs::read_to_string(path).map_err(|reason| BaselineError::Read { path: shown(), reason })?;
        let format = |reason: String| BaselineError::Format { path: shown(), reason };
        let read: Baseline = serde_json::from_str(&text).map_err(|error| format(error.to_string()))?;
        if read.version != VERSION {
            return Err(format(format!("its version is {}, not {VERSION}", read.version)));
        }
        Ok(read)
    }

    /// Every finding of a scan; owner and time of what `known` holds already are kept.
    pub fn of(scan: &Scan, known: &Baseline) -> Baseline {
        let kept: HashMap<Key, &Entry> = known.entries.iter().map(|entry| (entry.key(), entry)).collect();
        let mut found: BTreeMap<Key, (u32, Option<String>)> = BTreeMap::new();
        let mut syntax = Syntax::of(scan);
        for test in &scan.tests {
            let test = &test.assessment;
            for finding in &test.findings {
                let key = (test.id.clone(), finding.code.clone(), syntax.at(&test.file, finding));
                let (count, _) = found.entry(key).or_insert_with(|| (0, test.teams.first().cloned()));
                *count += 1;
            }
        }
        let entries = found.into_iter().map(|(key, (count, team))| {
            let known = kept.get(&key);
            Entry {
                owner: known.and_then(|entry| entry.owner.clone()).or(team),
                expires: known.and_then(|entry| entry.expires),
                test: key.0,
                rule: key.1,
                syntax: key.2,
                count,
            }
        });
        Baseline { version: VERSION, entries: entries.collect() }
    }

    /// How many findings it holds.
    pub fn findings(&self) -> usize {
        self.entries.iter().map(|entry| entry.count as usize).sum()
    }

    /// Takes what it holds out of a scan; severity and causes follow from what is left.
    pub fn apply(&self, scan: &mut Scan, today: Date) -> Applied {
        let mut applied = Applied::default();
        let mut left: HashMap<Key, u32> = HashMap::new();
        let mut over: HashMap<Key, u32> = HashMap::new();
        for entry in &self.entries {
            let is_over = entry.expires.is_some_and(|expires| expires < today);
            *if is_over { &mut over } else { &mut left }.entry(entry.key()).or_default() += entry.count;
        }
        let mut syntax = Syntax::of(scan);
        let take = |from: &mut HashMap<Key, u32>, key: &Key| match from.get_mut(key) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        };
        for test in &mut scan.tests {
            let assessment = &mut test.assessment;
            let (id, file) = (assessment.id.clone(), assessment.file.clone());
            let before = assessment.findings.len();
            assessment.findings.retain(|finding| {
                let key = (id.clone(), finding.code.clone(), syntax.at(&file, finding));
                let hidden = take(&mut left, &key);
                applied.hidden += usize::from(hidden);
                applied.expired += usize::from(!hidden && take(&mut over, &key));
                !hidden
            });
            if assessment.findings.len() != before {
                assessment.summarize();
            }
        }
        applied.stale = left.values().filter(|count| **count > 0).count();
        applied
    }

    /// # Errors
    /// The file cannot be written; what stood there stays.
    pub fn save(&self, path: &Path) -> Result<(), BaselineError> {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        crate::source::replace(path, text.as_bytes())
            .map_err(|reason| BaselineError::Write { path: path.display().to_string(), reason })
    }
}

impl Entry {
    fn key(&self) -> Key {
        (self.test.clone(), self.rule.clone(), self.syntax.clone())
    }
}

/// The code under findings, read from the files once each.
struct Syntax {
    root: std::path::PathBuf,
    files: HashMap<String, Vec<String>>,
}

impl Syntax {
    fn of(scan: &Scan) -> Syntax {
        Syntax { root: scan.root.clone(), files: HashMap::new() }
    }

    fn at(&mut self, file: &str, finding: &Finding) -> String {
        let lines = self.files.entry(file.to_owned()).or_insert_with(|| {
            let text =
                std::fs::read(self.root.join(file)).ok().and_then(|bytes| crate::source::decode(bytes).ok());
            text.unwrap_or_default().lines().map(str::to_owned).collect()
        });
        let mut cut = String::new();
        for number in finding.line..=finding.end_line {
            let Some(line) = lines.get(number as usize - 1) else { break };
            let from = if number == finding.line { finding.column as usize } else { 0 };
            let to = if number == finding.end_line { finding.end_column as usize } else { usize::MAX };
            cut.extend(line.chars().take(to).skip(from));
            cut.push(' ');
        }
        let folded = cut.split_whitespace().collect::<Vec<_>>().join(" ");
        if folded.chars().count() <= LONGEST {
            return folded;
        }
        let head: String = folded.chars().take(LONGEST - 10).collect();
        format!("{head}… {}", &blake3::hash(folded.as_bytes()).to_hex()[..8])
    }
}
