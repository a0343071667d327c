//! Each tool: what it takes, what it gives.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use futures::StreamExt;
use rmcp::model::{Tool, ToolAnnotations};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Agent;
use crate::ask;
use crate::explain::connect::connect;
use crate::explain::{Event, Finished, Options, explain};
use crate::index::store::Filter;
use crate::index::{IndexedTest, VectorStore};
use crate::patterns::patterns;
use crate::propose::{example, propose};
use crate::report::ScanReport;
use crate::scan::{ScanRequest, scan};
use crate::search::{Target, search, similar};
use crate::smells;

/// Most tests and hits of one answer.
const MOST: usize = 100;

/// Why a tool gives nothing.
pub(super) enum ToolError {
    Unknown,
    /// The arguments are not of the tool's form.
    Arguments(String),
    Failed(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for ToolError {
    fn from(error: E) -> Self {
        ToolError::Failed(error.into())
    }
}

/// The tools with what they take.
pub(super) fn all() -> Vec<Tool> {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": MOST });
    let test = || {
        json!({
            "test": text("node id, tests/test_lock.py::TestLock::test_expires, or its end"),
            "repo": text("needed only where several repositories have such a test"),
        })
    };
    let paths = json!({ "type": "array", "items": { "type": "string" }, "description": "files and folders; the project otherwise" });
    [
        ("scan", "Find unstable tests in files and folders: findings with line, cause, message and remedy, worst first. Runs nothing.", json!({ "paths": paths, "limit": limit }), &[][..]),
        ("search", "Find indexed tests in plain words: 'async redis flakes', 'clock tests without freezegun', 'failed in the last 7 days'.", json!({ "query": text("what to look for"), "limit": limit }), &["query"][..]),
        ("similar", "Indexed tests like one test, by meaning and by structure.", with(test(), "limit", limit.clone()), &["test"][..]),
        ("explain", "Why a test is unstable and what to do; every sentence cites a test, a rule, an outcome or an earlier fix.", test(), &["test"][..]),
        ("fix", "A patch for a test of this project, by its rules or by the model, that was parsed, scanned and scored again. Writes nothing.", test(), &["test"][..]),
        ("patterns", "What repeats across the teams and repositories of the index.", json!({}), &[][..]),
        ("rule", "What a rule detects, why it matters and what to use instead.", json!({ "rule": text("code or name: FD101") }), &["rule"][..]),
    ]
    .into_iter()
    .map(|(name, description, properties, required)| {
        let schema = json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false });
        let schema = schema.as_object().cloned().unwrap_or_default();
        Tool::new(name, description, Arc::new(schema))
            .with_annotations(ToolAnnotations::new().read_only(true).idempotent(true).open_world(false))
    })
    .collect()
}

fn with(mut object: Value, key: &str, value: Value) -> Value {
    object[key] = value;
    object
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scan {
    #[serde(default)]
    paths: Vec<PathBuf>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Search {
    query: String,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfTest {
    test: String,
    repo: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfRule {
    rule: String,
}

/// Calls a tool; the answer is an object.
pub(super) async fn call(agent: &Agent, name: &str, arguments: Value) -> Result<Value, ToolError> {
    match name {
        "scan" => scanned(agent, read(arguments)?).await,
        "search" => {
            let Search { query, limit } = read(arguments)?;
            let shelf = (agent.open)().await?;
            let found =
                search(&shelf.store, &shelf.embedder, &query, &Filter::default(), most(limit, 10)).await?;
            Ok(serde_json::to_value(found)?)
        }
        "similar" => {
            let OfTest { test, repo, limit } = read(arguments)?;
            let shelf = (agent.open)().await?;
            let found = find(&shelf.store, &test, repo).await?;
            let target = Target::Stored(found.point_id());
            let filter = Filter::default();
            Ok(serde_json::to_value(
                similar(&shelf.store, &shelf.embedder, target, &filter, false, most(limit, 10)).await?,
            )?)
        }
        "explain" => explained(agent, read(arguments)?).await,
        "fix" => fixed(agent, read(arguments)?).await,
        "patterns" => {
            let shelf = (agent.open)().await?;
            Ok(serde_json::to_value(patterns(&shelf.store, &Filter::default()).await?)?)
        }
        "rule" => {
            let OfRule { rule } = read(arguments)?;
            let found = smells::find(&rule).with_context(|| format!("no rule is called '{rule}'"))?;
            Ok(serde_json::to_value(found.info())?)
        }
        _ => Err(ToolError::Unknown),
    }
}

fn read<T: serde::de::DeserializeOwned>(arguments: Value) -> Result<T, ToolError> {
    serde_json::from_value(arguments).map_err(|error| ToolError::Arguments(error.to_string()))
}

fn most(limit: Option<usize>, otherwise: usize) -> usize {
    limit.unwrap_or(otherwise).clamp(1, MOST)
}

/// A scan without what only models read; tests with findings, the worst first.
async fn scanned(agent: &Agent, wanted: Scan) -> Result<Value, ToolError> {
    let paths = if wanted.paths.is_empty() { vec![agent.project.clone()] } else { wanted.paths };
    let request = ScanRequest { paths, ..ScanRequest::default() };
    let risk = agent.risk.clone();
    let found = tokio::task::spawn_blocking(move || scan(&request, Some(&risk))).await??;
    let mut report = serde_json::to_value(ScanReport::new(&found))?;
    let mut order: Vec<usize> =
        (0..found.tests.len()).filter(|at| !found.tests[*at].assessment.findings.is_empty()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(found.tests[*at].assessment.severity));
    let with_findings = order.len();
    order.truncate(most(wanted.limit, 50));
    let short = |at: usize| {
        let mut test = report["tests"][at].clone();
        if let Some(test) = test.as_object_mut() {
            for key in ["features", "contributions", "neighbours", "repo", "risk_basis"] {
                test.remove(key);
            }
        }
        test
    };
    let tests: Vec<Value> = order.into_iter().map(short).collect();
    report["tests"] = Value::Array(tests);
    report["summary"]["tests_with_findings"] = json!(with_findings);
    Ok(report)
}

async fn explained(agent: &Agent, wanted: OfTest) -> Result<Value, ToolError> {
    let (evidence, _, retrieval_ms) = {
        let shelf = (agent.open)().await?;
        let test = find(&shelf.store, &wanted.test, wanted.repo).await?;
        ask::evidence(&shelf.store, &shelf.embedder, shelf.fixes.as_ref(), test).await?
    };
    let model = connect(&agent.model).await?;
    let mut events = explain(evidence, model, Options { retrieval_ms, ..Options::default() });
    while let Some(event) = events.next().await {
        if let Event::Done(finished) = event
            && let Finished::Explanation(explanation) = *finished
        {
            return Ok(serde_json::to_value(explanation)?);
        }
    }
    Err(ToolError::Failed(anyhow::anyhow!("the answer broke off; ask again")))
}

async fn fixed(agent: &Agent, wanted: OfTest) -> Result<Value, ToolError> {
    let request =
        ScanRequest { paths: vec![agent.project.clone()], repo: wanted.repo, ..ScanRequest::default() };
    let model = connect(&agent.model).await?;
    // an index is not needed, but has examples
    let examples = match (agent.open)().await {
        Ok(shelf) => match find(&shelf.store, &wanted.test, request.repo.clone()).await {
            Ok(test) => ask::mended(shelf.fixes.as_ref(), &shelf.embedder, &test).await,
            Err(_) => vec![],
        },
        Err(_) => vec![],
    };
    let examples = examples.iter().filter_map(example).collect();
    let proposal = propose(request, agent.risk.clone(), &wanted.test, examples, model).await?;
    Ok(json!({ "file": proposal.file, "fix": proposal.fix }))
}

/// A stored test as JSON text.
pub(super) async fn test(agent: &Agent, id: &str) -> anyhow::Result<String> {
    let shelf = (agent.open)().await?;
    Ok(serde_json::to_string_pretty(&find(&shelf.store, id, None).await?)?)
}

async fn find(store: &Arc<dyn VectorStore>, name: &str, repo: Option<String>) -> anyhow::Result<IndexedTest> {
    crate::search::by_name(store, name, repo.as_slice()).await
}
