//! `POST /index` starts a job; `GET /jobs/{id}` says how far it is.

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Service;
use super::error::{Body, Problem};
use crate::index::IndexedTest;
use crate::index::seen::Seen;
use crate::index::sync::{Progress, SyncReport, sync};
use crate::risk::History;
use crate::scan::{ScanRequest, scan};
use crate::source::{project_root, repository_name};

pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(post_index)).routes(routes!(get_job))
}

#[derive(Deserialize, ToSchema)]
struct Wanted {
    /// Files and folders on the machine of the service.
    #[schema(value_type = Vec<String>)]
    paths: Vec<PathBuf>,
    repo: Option<String>,
    team: Option<String>,
}

/// How far a job is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Job {
    id: u64,
    /// `running`, `done` or `failed`
    state: &'static str,
    /// Tests stored so far, and tests that changed.
    done: usize,
    total: usize,
    report: Option<SyncReport>,
    error: Option<String>,
}

/// Index files and folders
#[utoipa::path(post, path = "/index", request_body = Wanted, responses(
    (status = 202, description = "the job that does it", body = Job),
    (status = 400, description = "nothing to index", body = Problem, content_type = "application/problem+json")
))]
async fn post_index(
    State(service): State<Service>,
    Body(wanted): Body<Wanted>,
) -> Result<(StatusCode, Json<Job>), Problem> {
    if wanted.paths.is_empty() {
        return Err(Problem::bad_request("give 'paths', the files and folders to index"));
    }
    let risk = service.risk.clone();
    let near = wanted.paths[0].clone();
    let repo = wanted.repo.unwrap_or_else(|| repository_name(&project_root(&near)));
    let history = History::load(&service.history, &repo).map_err(|error| Problem::internal(&error))?;
    let request = ScanRequest {
        paths: wanted.paths,
        repo: Some(repo),
        team: wanted.team,
        history,
        ..ScanRequest::default()
    };
    let scan = tokio::task::spawn_blocking(move || scan(&request, Some(&risk)))
        .await
        .map_err(|_| Problem::bad_request("the paths could not be scanned"))??;
    let id = service.next_job.fetch_add(1, Ordering::Relaxed);
    let job = Job { id, state: "running", done: 0, total: scan.tests.len(), report: None, error: None };
    change(&service, id, |slot| *slot = Some(job.clone()));
    tokio::spawn(async move {
        let (repo, within) = (scan.repo.clone(), scan.scope.clone());
        let tests = scan.tests.into_iter().map(IndexedTest::scanned).collect();
        let shown = service.clone();
        let show = move |progress: Progress| {
            update(&shown, id, |job| (job.done, job.total) = (progress.done, progress.total));
        };
        Seen::forget(&service.history, &repo);
        let outcome = sync(&service.store, &service.embedder, &repo, tests, &within, &show).await;
        update(&service, id, |job| match outcome {
            Ok(report) => (job.state, job.report) = ("done", Some(report)),
            Err(error) => (job.state, job.error) = ("failed", Some(error.to_string())),
        });
    });
    Ok((StatusCode::ACCEPTED, Json(job)))
}

/// A job's progress
#[utoipa::path(get, path = "/jobs/{id}", params(("id" = u64, Path)), responses(
    (status = 200, body = Job),
    (status = 404, description = "no such job", body = Problem, content_type = "application/problem+json")
))]
async fn get_job(State(service): State<Service>, Path(id): Path<String>) -> Result<Json<Job>, Problem> {
    let mut found = None;
    if let Ok(id) = id.parse() {
        change(&service, id, |slot| found.clone_from(slot));
    }
    found
        .map(Json)
        .ok_or_else(|| Problem::not_found(format!("there is no job {id}; jobs end with the service")))
}

fn change(service: &Service, id: u64, change: impl FnOnce(&mut Option<Job>)) {
    let mut jobs = service.jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut slot = jobs.remove(&id);
    change(&mut slot);
    if let Some(job) = slot {
        jobs.insert(id, job);
    }
}

fn update(service: &Service, id: u64, work: impl FnOnce(&mut Job)) {
    change(service, id, |slot| {
        if let Some(job) = slot {
            work(job);
        }
    });
}
