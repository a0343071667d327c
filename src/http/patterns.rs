//! `/patterns` and `/teams`: what repeats, and whose it is.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Service;
use super::error::Problem;
use crate::index::store::Filter;
use crate::patterns::{Patterns, patterns};

pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(get_patterns)).routes(routes!(get_teams))
}

/// What repeats across teams and repositories
#[utoipa::path(get, path = "/patterns", responses((status = 200, body = Patterns)))]
async fn get_patterns(State(service): State<Service>) -> Result<Json<Patterns>, Problem> {
    Ok(Json(patterns(&service.store, &Filter::default()).await?))
}

#[derive(Serialize, ToSchema)]
struct Teams {
    teams: Vec<String>,
    repos: Vec<String>,
}

/// The teams and repositories that are indexed
#[utoipa::path(get, path = "/teams", responses((status = 200, body = Teams)))]
async fn get_teams(State(service): State<Service>) -> Result<Json<Teams>, Problem> {
    let found = patterns(&service.store, &Filter::default()).await?;
    Ok(Json(Teams { teams: found.teams, repos: found.repos }))
}
