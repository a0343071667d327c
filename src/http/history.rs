//! `POST /history`: outcomes of runs, as a JUnit report.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Service;
use super::error::{Problem, Query};
use crate::observe::{self, Taken};
use crate::risk::history::History;
use crate::risk::names::Names;

/// Largest report.
const MAX_REPORT: usize = 64 << 20;

pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(post_history)).layer(DefaultBodyLimit::max(MAX_REPORT))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct About {
    /// The repository whose tests ran, as it is indexed.
    repo: String,
    /// The commit that ran, where the report does not say.
    commit: Option<String>,
    /// When it ran, where the report does not say (`2026-11-20T10:00:00Z`); now otherwise.
    #[param(value_type = Option<String>)]
    time: Option<Timestamp>,
}

/// Take in a JUnit report, gzipped or not; twice is once
#[utoipa::path(post, path = "/history", params(About), request_body(content = String, content_type = "application/xml"), responses(
    (status = 200, body = Taken),
    (status = 400, description = "no JUnit report", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "no such repository", body = Problem, content_type = "application/problem+json")
))]
async fn post_history(
    State(service): State<Service>,
    Query(about): Query<About>,
    body: Bytes,
) -> Result<Json<Taken>, Problem> {
    let repo = about.repo;
    let tests = observe::all(&service.store, &repo).await.map_err(|error| Problem::internal(&error))?;
    if tests.is_empty() {
        return Err(Problem::not_found(format!("no test of '{repo}' is indexed; index it first")));
    }
    // one at a time: what is remembered is read, changed and written as a whole
    let _turn = service.history_turn.lock().await;
    let folder = service.history.clone();
    let (name, commit) = (repo.clone(), about.commit);
    let taken = tokio::task::spawn_blocking(move || {
        let names = Names::new(tests.iter().map(|test| test.assessment.id.as_str()));
        let report = observe::read(&body, || about.time.unwrap_or_else(Timestamp::now), &names)
            .map_err(Problem::bad_request)?;
        let mut history = History::load(&folder, &name).map_err(|error| Problem::internal(&error))?;
        let taken = observe::take_in(&mut history, vec![report], commit.as_deref());
        history.save(&folder).map_err(|error| Problem::internal(&error))?;
        Ok::<_, Problem>((taken, history))
    });
    let (taken, history) = taken.await.map_err(|error| Problem::internal(&error))??;
    observe::refresh(&service.store, &service.embedder, &service.risk, &repo, &history)
        .await
        .map_err(|error| Problem::internal(&error))?;
    Ok(Json(taken))
}
