//! `POST /tests/{id}/fix` proposes a patch; `POST /fixes/verify` is the check that every patch has to pass, for one that
//! somebody else wrote.

use std::path::{Path as FilePath, PathBuf};

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Service;
use super::error::{Body, Problem, Query};
use super::events;
use super::tests::{Of, find};
use crate::ask;
use crate::explain::ProposedFix;
use crate::fixes::{Patch, Verdict, libraries, patched, verify, verify_text};
use crate::propose::{example, propose};
use crate::scan::ScanRequest;
use crate::source;

pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(post_verify)).routes(routes!(post_fix))
}

/// A patch as `diff` or as the whole file `after`. With `path` the project there is scanned around it, and `before` may
/// be left out.
#[derive(Deserialize, ToSchema)]
struct Wanted {
    /// The test's id: `tests/test_lock.py::TestLock::test_expires`
    test: String,
    /// The file, relative to the project's root; the test's own where it is left out.
    file: Option<String>,
    before: Option<String>,
    after: Option<String>,
    /// A unified diff of the file.
    diff: Option<String>,
    /// The project's folder on the machine of the service.
    #[schema(value_type = Option<String>)]
    path: Option<PathBuf>,
}

/// Check a patch: applied in memory, parsed, scanned and scored; nothing is run or written
#[utoipa::path(post, path = "/fixes/verify", request_body = Wanted, responses(
    (status = 200, description = "whether it counts as verified, and why", body = Verdict),
    (status = 400, description = "no patch, or one that does not fit", body = Problem, content_type = "application/problem+json")
))]
async fn post_verify(
    State(service): State<Service>,
    Body(wanted): Body<Wanted>,
) -> Result<Json<Verdict>, Problem> {
    let risk = service.risk.clone();
    tokio::task::spawn_blocking(move || {
        let file = wanted.file.or_else(|| Some(wanted.test.split_once("::")?.0.to_owned()));
        let file =
            file.ok_or_else(|| Problem::bad_request("'test' is no node id: tests/test_a.py::test_b"))?;
        let root = wanted.path.as_ref().map(|path| source::project_root(path));
        let before = match (wanted.before, &root) {
            (Some(before), _) => before,
            (None, Some(root)) => read(root, &file)?,
            (None, None) => {
                return Err(Problem::bad_request("give 'before', the file's text, or 'path', its project"));
            }
        };
        let after = match (wanted.after, wanted.diff) {
            (Some(after), _) => after,
            (None, Some(diff)) => patched(&before, &diff).map_err(Problem::bad_request)?,
            (None, None) => return Err(Problem::bad_request("give 'after', the file's new text, or 'diff'")),
        };
        let patch = Patch { file, before, after, test: wanted.test, by_rule: false };
        Ok(match root {
            Some(root) => {
                let libraries = libraries(&root);
                let request = ScanRequest { paths: vec![root], ..ScanRequest::default() };
                verify(&patch, &request, Some(&risk), &libraries)?
            }
            None => verify_text(&patch, Some(&risk)),
        })
    })
    .await
    .map_err(|_| Problem::bad_request("the patch could not be checked"))?
    .map(Json)
}

/// A patch that was checked, or why there is none.
#[derive(Serialize, ToSchema)]
struct Proposed {
    fix: Option<ProposedFix>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix_note: Option<String>,
}

/// Propose a patch for a test of the project that the service was started in: by its rules, else by the model; checked, not written
#[utoipa::path(post, path = "/tests/{id}/fix", params(("id" = String, Path, description = "node id, percent-encoded"), Of), responses(
    (status = 200, body = Proposed),
    (status = 404, description = "no such test", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "the model that was configured does not answer", body = Problem, content_type = "application/problem+json")
))]
async fn post_fix(
    State(service): State<Service>,
    Path(id): Path<String>,
    Query(of): Query<Of>,
) -> Result<Json<Proposed>, Problem> {
    let test = find(&service, &id, &of).await?;
    let examples = ask::mended(service.fixes.as_ref(), &service.embedder, &test).await;
    let request = ScanRequest {
        paths: vec![service.project.clone()],
        repo: Some(test.assessment.repo.clone()),
        ..ScanRequest::default()
    };
    let model = events::model(&service).await?;
    let examples = examples.iter().filter_map(example).collect();
    let proposed = propose(request, service.risk.clone(), &test.assessment.id, examples, model).await;
    Ok(Json(match proposed {
        Ok(proposal) => Proposed { fix: Some(proposal.fix), fix_note: None },
        Err(error) => Proposed { fix: None, fix_note: Some(error.to_string()) },
    }))
}

/// A file of the project; what lies outside it, by `..`, as an absolute path or behind a link, is not read.
fn read(root: &FilePath, file: &str) -> Result<String, Problem> {
    let unreadable = |error: std::io::Error| Problem::bad_request(format!("{file} cannot be read: {error}"));
    let path = root.join(file).canonicalize().map_err(unreadable)?;
    if !path.starts_with(root.canonicalize().map_err(unreadable)?) {
        return Err(Problem::bad_request(format!("{file} lies outside the project; give a file of it")));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    source::decode(bytes).map_err(|reason| Problem::bad_request(format!("{file} {reason}")))
}
