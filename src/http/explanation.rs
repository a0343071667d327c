//! `POST /tests/{id}/explanation`: why a test is unstable, as it is said.

use axum::extract::{Path, State};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Service;
use super::error::{Problem, Query};
use super::events::{self, Events};
use super::tests::{Of, find};
use crate::ask;
use crate::explain::{Explanation, Options, explain};

pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(post_explanation))
}

/// Explain a test; server-sent events: retrieval, cause, token, citation, verification, error, done
#[utoipa::path(post, path = "/tests/{id}/explanation", params(("id" = String, Path, description = "node id, percent-encoded"), Of), responses(
    (status = 200, description = "the last event, done, carries the whole explanation", body = Explanation, content_type = "text/event-stream"),
    (status = 404, description = "no such test", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "the model that was configured does not answer", body = Problem, content_type = "application/problem+json")
))]
async fn post_explanation(
    State(service): State<Service>,
    Path(id): Path<String>,
    Query(of): Query<Of>,
) -> Result<Events, Problem> {
    let test = find(&service, &id, &of).await?;
    let (evidence, _, retrieval_ms) =
        ask::evidence(&service.store, &service.embedder, service.fixes.as_ref(), test).await?;
    let model = events::model(&service).await?;
    Ok(events::stream(explain(evidence, model, Options { retrieval_ms, ..Options::default() })))
}
