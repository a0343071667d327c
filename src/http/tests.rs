//! `/tests`: what is remembered, one by one and in pages.

use std::str::FromStr;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::Service;
use super::error::{Problem, Query};
use crate::index::store::Filter;
use crate::index::{IndexedTest, point_id};
use crate::risk::why::Reasons;
use crate::search::{SearchAnswer, Target, similar};

/// Most tests of one page, and most hits.
pub(super) const MAX_LIMIT: usize = 200;

pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new()
        .routes(routes!(get_tests))
        .routes(routes!(get_test))
        .routes(routes!(get_similar))
        .routes(routes!(get_risk))
}

/// Conditions; several values of one are joined by commas.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    cause: Option<String>,
    severity: Option<String>,
    repo: Option<String>,
    team: Option<String>,
    /// From 1 to 200.
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct TestPage {
    tests: Vec<IndexedTest>,
    /// Missing on the last page.
    next_cursor: Option<String>,
}

/// Tests in pages
#[utoipa::path(get, path = "/tests", params(Wanted), responses(
    (status = 200, body = TestPage),
    (status = 400, description = "a condition that does not exist", body = Problem, content_type = "application/problem+json")
))]
async fn get_tests(
    State(service): State<Service>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<TestPage>, Problem> {
    let filter = Filter {
        causes: list(wanted.cause.as_deref())?,
        severities: list(wanted.severity.as_deref())?,
        repos: list(wanted.repo.as_deref())?,
        teams: list(wanted.team.as_deref())?,
        ..Filter::default()
    };
    let from =
        wanted.cursor.filter(|cursor| !cursor.is_empty()).map(|cursor| Uuid::parse_str(&cursor)).transpose();
    let from = from.map_err(|_| Problem::bad_request("the cursor is not one that this service gave"))?;
    let page = service.store.scroll(filter, from, limit(wanted.limit, 50)?).await?;
    Ok(Json(TestPage { tests: page.tests, next_cursor: page.next.map(|next| next.to_string()) }))
}

/// The repository that a test belongs to
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Of {
    /// Needed only where several repositories have a test of that id.
    repo: Option<String>,
    /// How many similar tests.
    limit: Option<usize>,
}

/// One test with its source
#[utoipa::path(get, path = "/tests/{id}", params(("id" = String, Path, description = "node id, percent-encoded"), Of), responses(
    (status = 200, body = IndexedTest),
    (status = 404, description = "no such test", body = Problem, content_type = "application/problem+json")
))]
async fn get_test(
    State(service): State<Service>,
    Path(id): Path<String>,
    Query(of): Query<Of>,
) -> Result<Json<IndexedTest>, Problem> {
    find(&service, &id, &of).await.map(Json)
}

/// Why a test has its risk
#[utoipa::path(get, path = "/tests/{id}/risk", params(("id" = String, Path, description = "node id, percent-encoded"), Of), responses(
    (status = 200, body = Reasons),
    (status = 404, description = "no such test", body = Problem, content_type = "application/problem+json")
))]
async fn get_risk(
    State(service): State<Service>,
    Path(id): Path<String>,
    Query(of): Query<Of>,
) -> Result<Json<Reasons>, Problem> {
    Ok(Json(Reasons::of(&find(&service, &id, &of).await?.assessment)))
}

/// Tests like one test
#[utoipa::path(get, path = "/tests/{id}/similar", params(("id" = String, Path, description = "node id, percent-encoded"), Of), responses(
    (status = 200, body = SearchAnswer),
    (status = 404, description = "no such test", body = Problem, content_type = "application/problem+json")
))]
async fn get_similar(
    State(service): State<Service>,
    Path(id): Path<String>,
    Query(of): Query<Of>,
) -> Result<Json<SearchAnswer>, Problem> {
    let target = Target::Stored(find(&service, &id, &of).await?.point_id());
    let limit = limit(of.limit, 8)?;
    let filter = Filter::default();
    Ok(Json(similar(&service.store, &service.embedder, target, &filter, false, limit).await?))
}

/// The test of that id; where no repository is named, the only one.
pub(super) async fn find(service: &Service, id: &str, of: &Of) -> Result<IndexedTest, Problem> {
    if let Some(repo) = of.repo.as_deref().filter(|repo| !repo.is_empty()) {
        let found = service.store.get(point_id(repo, id)).await?;
        return found.map(|point| point.test).ok_or_else(|| missing(id));
    }
    let file = id.split("::").next().unwrap_or(id).to_owned();
    let (mut found, mut from) = (vec![], None);
    loop {
        let filter = Filter { paths: vec![file.clone()], ..Filter::default() };
        let page = service.store.scroll(filter, from, 1_000).await?;
        found.extend(page.tests.into_iter().filter(|test| test.assessment.id == id));
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    match found.len() {
        0 => Err(missing(id)),
        1 => Ok(found.remove(0)),
        _ => {
            let repos: Vec<_> = found.iter().map(|test| test.assessment.repo.as_str()).collect();
            Err(Problem::ambiguous(format!("several repositories have it: {}; add ?repo=", repos.join(", "))))
        }
    }
}

fn missing(id: &str) -> Problem {
    Problem::not_found(format!("no indexed test is called '{id}'; search for it, or index its repository"))
}

pub(super) fn limit(wanted: Option<usize>, otherwise: usize) -> Result<usize, Problem> {
    match wanted.unwrap_or(otherwise) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        other => Err(Problem::bad_request(format!("limit is {other}; it goes from 1 to {MAX_LIMIT}"))),
    }
}

fn list<T: FromStr<Err = impl std::fmt::Display>>(text: Option<&str>) -> Result<Vec<T>, Problem> {
    let parts = text.into_iter().flat_map(|text| text.split(',')).filter(|part| !part.is_empty());
    parts.map(|part| part.parse().map_err(|error: T::Err| Problem::bad_request(error.to_string()))).collect()
}
