//! `POST /chat`: a question of a conversation.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Service;
use super::error::{Body, Problem};
use super::events::{self, Events};
use super::search::{Filters, checked};
use crate::ask;
use crate::explain::chat::chat;
use crate::explain::prompt::Turn;
use crate::explain::{Options, Reply};
use crate::index::store::Filter;

/// Turns of a conversation that are taken into account.
const MAX_TURNS: usize = 8;

pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(post_chat))
}

#[derive(Deserialize, ToSchema)]
struct Asked {
    question: String,
    /// What was said before, oldest first.
    #[serde(default)]
    history: Vec<Said>,
    #[serde(default)]
    filters: Filters,
}

#[derive(Deserialize, ToSchema)]
struct Said {
    question: String,
    /// `said` of the reply.
    said: String,
}

/// Ask about what is indexed; server-sent events: retrieval, token, citation, verification, error, done
#[utoipa::path(post, path = "/chat", request_body = Asked, responses(
    (status = 200, description = "the last event, done, carries the whole reply", body = Reply, content_type = "text/event-stream"),
    (status = 400, description = "an empty question", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "the model that was configured does not answer", body = Problem, content_type = "application/problem+json")
))]
async fn post_chat(State(service): State<Service>, Body(asked): Body<Asked>) -> Result<Events, Problem> {
    checked(&asked.question)?;
    let filter: Filter = asked.filters.into();
    let skipped = asked.history.len().saturating_sub(MAX_TURNS);
    let mut history: Vec<Turn> = vec![];
    for said in asked.history.into_iter().skip(skipped) {
        let question = checked(&said.question)?;
        // the same question finds the same tests, so that nothing of the evidence has to come from the client
        let (material, _) =
            ask::material(&service.store, &service.embedder, &history, question, &filter).await?;
        history.push(Turn { question: Some(said.question), material, answer: said.said });
    }
    let (material, retrieval_ms) =
        ask::material(&service.store, &service.embedder, &history, &asked.question, &filter).await?;
    let model = events::model(&service).await?;
    let options = Options { retrieval_ms, ..Options::default() };
    Ok(events::stream(chat(history, asked.question, material, model, options)))
}
