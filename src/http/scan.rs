//! `POST /scan`: one text, or files and folders of this machine.

use std::path::PathBuf;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Service;
use super::error::{Body, Problem};
use crate::report::ScanReport;
use crate::scan::{ScanRequest, scan, scan_text};

pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(post_scan))
}

/// Either `source`, or `paths`.
#[derive(Deserialize, ToSchema)]
struct Wanted {
    /// The text of one test file.
    source: Option<String>,
    /// What the text is called.
    #[serde(default = "default_file")]
    file: String,
    /// Files and folders on the machine of the service.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    paths: Vec<PathBuf>,
}

fn default_file() -> String {
    "test_source.py".to_owned()
}

/// Scan a text, or files and folders
#[utoipa::path(post, path = "/scan", request_body = Wanted, responses(
    (status = 200, description = "as `scan --format json`", body = Value),
    (status = 400, description = "nothing to scan", body = Problem, content_type = "application/problem+json")
))]
async fn post_scan(
    State(service): State<Service>,
    Body(wanted): Body<Wanted>,
) -> Result<Json<Value>, Problem> {
    let request = ScanRequest { paths: wanted.paths, ..ScanRequest::default() };
    if wanted.source.is_none() && request.paths.is_empty() {
        return Err(Problem::bad_request("give 'source', the text of a test file, or 'paths'"));
    }
    let risk = service.risk.clone();
    let found = tokio::task::spawn_blocking(move || match wanted.source {
        Some(source) => Ok(scan_text(&wanted.file, source, &request, Some(&risk))),
        None => scan(&request, Some(&risk)),
    });
    let found = found.await.map_err(|_| Problem::bad_request("the text could not be scanned"))??;
    serde_json::to_value(ScanReport::new(&found)).map(Json).map_err(|error| Problem::internal(&error))
}
