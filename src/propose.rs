//! A mended test: the rules' own edits where there are any, else a model's, each put to the one check. Nothing is run and
//! nothing is written.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use crate::explain::fix::{Example, MendError, Mender, Mending, own_example};
use crate::explain::model::ChatModel;
use crate::explain::{Origin, ProposedFix};
use crate::fixes::{self, Patch, Verdict, libraries};
use crate::index::IndexedTest;
use crate::python::Module;
use crate::risk::{Assessment, RiskModel};
use crate::scan::{ScanError, ScanRequest, scan};
use crate::smells::{self, Finding};
use crate::source;

/// A model is told so often what was wrong with its answer.
const REPAIRS: u32 = 2;

/// A patch with the file that it is for.
#[derive(Clone, Debug)]
pub struct Proposal {
    pub fix: ProposedFix,
    /// The test's node id.
    pub test: String,
    /// Relative to the root.
    pub file: String,
    /// The file as it was read.
    pub bytes: Vec<u8>,
    pub after: String,
}

/// Why nothing can be proposed.
#[derive(Debug, Error)]
pub enum ProposeError {
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error("{test} is not in {}; run this in the folder of its project", .root.display())]
    NotHere { test: String, root: PathBuf },
    #[error("no finding of {test} is there to mend")]
    NoFinding { test: String },
    #[error("no rule mends {codes} by itself, and no model takes part")]
    NoModel { codes: String },
    #[error("{file} cannot be read: {reason}")]
    Read { file: String, reason: String },
    #[error("the model gave no mended test: {0}")]
    Model(String),
    #[error("the work was interrupted")]
    Interrupted,
}

/// A mended version of the test with this id in the project of `request`. `examples` are pairs of the same defect mended
/// that were found elsewhere; the rule's own comes after them.
///
/// # Errors
/// The test is not there, has no finding, or neither a rule nor a model gives an answer.
pub async fn propose(
    request: ScanRequest,
    risk: Arc<RiskModel>,
    test: &str,
    examples: Vec<Example>,
    model: Option<Arc<dyn ChatModel>>,
) -> Result<Proposal, ProposeError> {
    let wanted = test.to_owned();
    let by_rule = move || Work::new(request, risk, &wanted).and_then(|work| Ok((work.by_rule()?, work)));
    let (by_rule, work) =
        tokio::task::spawn_blocking(by_rule).await.map_err(|_| ProposeError::Interrupted)??;
    match (by_rule, model) {
        (Some(proposal), _) if proposal.fix.verified && work.mends_the_worst(&proposal.fix) => Ok(proposal),
        (Some(proposal), None) => Ok(proposal),
        (None, None) => Err(ProposeError::NoModel { codes: work.codes() }),
        (by_rule, Some(model)) => match work.by_model(model, &examples).await {
            Ok(proposal) if proposal.fix.verified => Ok(proposal),
            // what a rule mends is worth more than what a model failed to
            other => by_rule.map_or(other, Ok),
        },
    }
}

/// A mended test of the collection of fixes as an example.
pub fn example(mended: &IndexedTest) -> Option<Example> {
    Some(Example { before: mended.source.clone(), after: mended.mended.as_ref()?.after.clone() })
}

/// A test with its file, and what checks a patch of it.
#[derive(Clone)]
struct Work {
    request: ScanRequest,
    risk: Arc<RiskModel>,
    root: PathBuf,
    test: Assessment,
    bytes: Vec<u8>,
    text: String,
}

impl Work {
    fn new(request: ScanRequest, risk: Arc<RiskModel>, test: &str) -> Result<Work, ProposeError> {
        let found = scan(&request, Some(&risk))?;
        let root = found.root.clone();
        let mut tests = found.tests.into_iter().map(|test| test.assessment);
        let not_here = || ProposeError::NotHere { test: test.to_owned(), root: root.clone() };
        let found = tests.find(|known| known.id == test).ok_or_else(not_here)?;
        if found.findings.is_empty() {
            return Err(ProposeError::NoFinding { test: test.to_owned() });
        }
        let read = |reason: String| ProposeError::Read { file: found.file.clone(), reason };
        let bytes = std::fs::read(root.join(&found.file)).map_err(|error| read(error.to_string()))?;
        let text = source::decode(bytes.clone()).map_err(read)?;
        Ok(Work { request, risk, root, test: found, bytes, text })
    }

    fn codes(&self) -> String {
        let mut codes: Vec<&str> = self.test.findings.iter().map(|finding| finding.code.as_str()).collect();
        codes.dedup();
        codes.join(", ")
    }

    fn by_rule(&self) -> Result<Option<Proposal>, ProposeError> {
        let mended = fixes::mend(&self.request, Some(&self.risk), true, Some(&self.test.id))?;
        let Some(file) = mended.files.into_iter().find(|file| file.file == self.test.file) else {
            return Ok(None);
        };
        let verdict = self.judge(&file.after, true)?;
        Ok(Some(self.proposal(Origin::Rule, file.after, verdict, 1)))
    }

    fn judge(&self, after: &str, by_rule: bool) -> Result<Verdict, ProposeError> {
        let patch = Patch {
            file: self.test.file.clone(),
            before: self.text.clone(),
            after: after.to_owned(),
            test: self.test.id.clone(),
            by_rule,
        };
        Ok(fixes::verify(&patch, &self.request, Some(&self.risk), &libraries(&self.root))?)
    }

    fn proposal(&self, origin: Origin, after: String, verdict: Verdict, rounds: u32) -> Proposal {
        let fix = ProposedFix {
            origin,
            diff: verdict.diff,
            verified: verdict.verified,
            reason: verdict.reason,
            wider: verdict.wider,
            findings_before: verdict.findings_before,
            findings_after: verdict.findings_after,
            risk_before: verdict.risk_before,
            risk_after: verdict.risk_after,
            rounds,
            run: None,
        };
        Proposal {
            fix,
            test: self.test.id.clone(),
            file: self.test.file.clone(),
            bytes: self.bytes.clone(),
            after,
        }
    }

    async fn by_model(
        &self,
        model: Arc<dyn ChatModel>,
        examples: &[Example],
    ) -> Result<Proposal, ProposeError> {
        let said = |error: MendError| ProposeError::Model(error.to_string());
        let path = self.test.id.strip_prefix(&format!("{}::", self.test.file)).unwrap_or(&self.test.id);
        let name = path.rsplit("::").next().unwrap_or(path);
        let finding = self.worst();
        let own = smells::find(&finding.code)
            .and_then(|rule| own_example(&rule.section("Example"), &rule.section("Use instead")));
        let example = examples.first().cloned().or(own);
        let module = Module::parse(self.test.file.clone(), self.text.clone());
        let code = function_text(&module, path)
            .ok_or_else(|| ProposeError::Model(format!("`{name}` is inherited from another file")))?;
        let mending = Mending { name, code: &code, finding, example: example.as_ref() };
        let mut mender = Mender::new(model, &mending).map_err(said)?;
        let others = self.neighbours();
        let origin = if examples.is_empty() { Origin::Model } else { Origin::History };
        let mut last = None;
        for round in 1..=REPAIRS + 1 {
            let answer = mender.ask().await.map_err(said)?;
            let problems = match fixes::splice(&self.text, path, &answer, &others) {
                Err(error) => error.to_string(),
                Ok(after) => {
                    let (work, patched) = (self.clone(), after.clone());
                    let judged = tokio::task::spawn_blocking(move || work.judge(&patched, false)).await;
                    let verdict = judged.map_err(|_| ProposeError::Interrupted)??;
                    let problems = verdict.problems.join("; ");
                    let proposal = self.proposal(origin, after, verdict, round);
                    if proposal.fix.verified {
                        return Ok(proposal);
                    }
                    last = Some(proposal);
                    problems
                }
            };
            if round > REPAIRS {
                return last.ok_or(ProposeError::Model(problems));
            }
            mender.reject(answer, &problems, name).map_err(said)?;
        }
        last.ok_or(ProposeError::Interrupted)
    }

    /// Whether the finding that matters most is among those that are gone.
    fn mends_the_worst(&self, fix: &ProposedFix) -> bool {
        let code = &self.worst().code;
        let count = |all: &[String]| all.iter().filter(|other| *other == code).count();
        count(&fix.findings_after) < count(&fix.findings_before)
    }

    /// The finding that matters most.
    fn worst(&self) -> &Finding {
        let grade = |finding: &&Finding| {
            (finding.via.is_none(), finding.severity, (finding.confidence * 100.0) as u32)
        };
        self.test.findings.iter().max_by_key(grade).unwrap_or(&self.test.findings[0])
    }

    /// The other Python files of the folder, whose imports are known to work.
    fn neighbours(&self) -> Vec<Module> {
        let folder = self.root.join(Path::new(&self.test.file).parent().unwrap_or(Path::new("")));
        let Ok(entries) = std::fs::read_dir(folder) else { return vec![] };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        paths
            .into_iter()
            .filter(|path| path.extension().is_some_and(|ending| ending == "py"))
            .take(40)
            .filter_map(|path| {
                let text = source::decode(std::fs::read(&path).ok()?).ok()?;
                Some(Module::parse(path.display().to_string(), text))
            })
            .collect()
    }
}

fn function_text(module: &Module, path: &str) -> Option<String> {
    let found = fixes::functions(module);
    let function = found.get(path)?;
    let text = module.whole_lines(function.span);
    let least = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start().len())
        .min()?;
    Some(text.lines().map(|line| line.get(least..).unwrap_or("")).collect::<Vec<_>>().join("\n"))
}
