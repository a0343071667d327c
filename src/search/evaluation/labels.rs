//! The labelled set: suites, questions, and which tests answer which.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use thiserror::Error;

/// A suite from PyPI.
#[derive(Clone, Debug, Deserialize)]
pub struct Suite {
    pub name: String,
    #[serde(default)]
    pub kept_back: bool,
}

/// A question as somebody would ask it.
#[derive(Clone, Debug, Deserialize)]
pub struct Question {
    pub id: String,
    pub text: String,
    #[serde(skip)]
    pub kept_back: bool,
}

/// Why there is no labelled set.
#[derive(Debug, Error)]
#[error("{path}: {reason}; the labelled set stands in tests/retrieval")]
pub struct LabelError {
    path: String,
    reason: String,
}

/// Repository and id of a test.
pub(super) type Name = (String, String);

/// The labelled set.
#[derive(Clone, Debug)]
pub struct Labels {
    pub questions: Vec<Question>,
    all_suites: Vec<Suite>,
    relevant: HashMap<String, HashSet<Name>>,
}

impl Labels {
    /// Reads `suites.toml`, `questions.toml`, `kept_back.toml` and `relevant.csv.gz` of a folder.
    ///
    /// # Errors
    /// A file is missing or cannot be read.
    pub fn read(folder: &Path) -> Result<Self, LabelError> {
        #[derive(Deserialize)]
        struct Suites {
            suite: Vec<Suite>,
        }
        #[derive(Deserialize)]
        struct Questions {
            question: Vec<Question>,
        }
        #[derive(Deserialize)]
        struct Answer {
            question: String,
            repo: String,
            test: String,
        }
        let suites: Suites = toml_of(&folder.join("suites.toml"))?;
        let mut questions: Questions = toml_of(&folder.join("questions.toml"))?;
        let kept: Questions = toml_of(&folder.join("kept_back.toml"))?;
        questions.question.extend(kept.question.into_iter().map(|one| Question { kept_back: true, ..one }));
        let path = folder.join("relevant.csv.gz");
        let fail = |reason: String| LabelError { path: path.display().to_string(), reason };
        let file = fs::File::open(&path).map_err(|error| fail(error.to_string()))?;
        let mut text = String::new();
        flate2::read::GzDecoder::new(file)
            .read_to_string(&mut text)
            .map_err(|error| fail(error.to_string()))?;
        let mut relevant: HashMap<String, HashSet<Name>> = HashMap::new();
        for row in csv::Reader::from_reader(text.as_bytes()).deserialize() {
            let Answer { question, repo, test } = row.map_err(|error| fail(error.to_string()))?;
            relevant.entry(question).or_default().insert((repo, test));
        }
        Ok(Labels { questions: questions.question, all_suites: suites.suite, relevant })
    }

    /// The names of the suites that were kept back, or of the others.
    pub fn suites(&self, kept_back: bool) -> Vec<String> {
        let fits = self.all_suites.iter().filter(|suite| suite.kept_back == kept_back);
        fits.map(|suite| suite.name.clone()).collect()
    }

    /// The tests of these suites that answer a question.
    pub fn answers(&self, question: &Question, suites: &[String]) -> HashSet<Name> {
        let all = self.relevant.get(&question.id).into_iter().flatten();
        all.filter(|(repo, _)| suites.contains(repo)).cloned().collect()
    }
}

fn toml_of<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, LabelError> {
    let fail = |reason: String| LabelError { path: path.display().to_string(), reason };
    let text = fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
    toml::from_str(&text).map_err(|error| fail(error.message().to_string()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_labelled_set_is_whole() {
        let labels = Labels::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/retrieval")).unwrap();
        assert!(labels.suites(false).len() >= 8 && labels.suites(true).len() >= 4);
        assert!(labels.questions.iter().filter(|one| !one.kept_back).count() >= 40);
        assert!(labels.questions.iter().filter(|one| one.kept_back).count() >= 20);
        let mut ids: Vec<&str> = labels.questions.iter().map(|one| one.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), labels.questions.len());
        let suites = [labels.suites(false), labels.suites(true)].concat();
        for question in &labels.questions {
            assert!(labels.answers(question, &suites).len() >= 5, "{} has hardly an answer", question.id);
        }
    }

    #[test]
    fn a_missing_set_is_named() {
        let error = Labels::read(Path::new("/nonexistent")).unwrap_err().to_string();
        assert!(error.contains("suites.toml") && error.contains("tests/retrieval"), "{error}");
    }
}
