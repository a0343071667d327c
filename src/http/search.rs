//! `POST /search`: tests by what people ask.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Service;
use super::error::{Body, Problem};
use super::tests::limit;
use crate::index::store::Filter;
use crate::search::{SearchAnswer, search};
use crate::smells::{Cause, Severity};

/// Longest query, in bytes.
const MAX_QUERY: usize = 10_000;

pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(post_search))
}

#[derive(Deserialize, ToSchema)]
struct Wanted {
    /// In plain words: `similar async Redis flakes`
    query: String,
    /// From 1 to 200; 10 otherwise.
    limit: Option<usize>,
    #[serde(default)]
    filters: Filters,
}

/// Conditions; an empty list is none.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct Filters {
    causes: Vec<Cause>,
    severities: Vec<Severity>,
    repos: Vec<String>,
    teams: Vec<String>,
}

impl From<Filters> for Filter {
    fn from(filters: Filters) -> Self {
        let Filters { causes, severities, repos, teams } = filters;
        Filter { causes, severities, repos, teams, ..Filter::default() }
    }
}

/// Find tests in plain words
#[utoipa::path(post, path = "/search", request_body = Wanted, responses(
    (status = 200, body = SearchAnswer),
    (status = 400, description = "an empty query, or a condition that does not exist", body = Problem, content_type = "application/problem+json")
))]
async fn post_search(
    State(service): State<Service>,
    Body(wanted): Body<Wanted>,
) -> Result<Json<SearchAnswer>, Problem> {
    let query = checked(&wanted.query)?;
    let limit = limit(wanted.limit, 10)?;
    let filter = wanted.filters.into();
    Ok(Json(search(&service.store, &service.embedder, query, &filter, limit).await?))
}

/// A question that can be asked: not empty, and no book.
pub(super) fn checked(query: &str) -> Result<&str, Problem> {
    if query.trim().is_empty() {
        return Err(Problem::bad_request("the query is empty; say what you look for"));
    }
    if query.len() > MAX_QUERY {
        return Err(Problem::bad_request(format!(
            "the query is longer than {MAX_QUERY} bytes; say it shorter"
        )));
    }
    Ok(query)
}
