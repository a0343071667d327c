//! Answers as server-sent events, with heartbeats. A client that leaves drops the stream, which stops the model.

use std::convert::Infallible;
use std::sync::Arc;

use axum::response::sse::{self, KeepAlive, KeepAliveStream, Sse};
use futures::StreamExt;
use futures::stream::BoxStream;

use super::Service;
use super::error::Problem;
use crate::explain::Event;
use crate::explain::connect::connect;
use crate::explain::model::ChatModel;

pub(super) type Events = Sse<KeepAliveStream<BoxStream<'static, Result<sse::Event, Infallible>>>>;

pub(super) fn stream(events: BoxStream<'static, Event>) -> Events {
    let events = events.map(|event| {
        let named = sse::Event::default().event(event.name());
        Ok(named.json_data(&event).unwrap_or_else(|_| sse::Event::default().event("error").data("{}")))
    });
    Sse::new(events.boxed()).keep_alive(KeepAlive::default())
}

/// The model that answers now; servers come and go while this one runs.
pub(super) async fn model(service: &Service) -> Result<Option<Arc<dyn ChatModel>>, Problem> {
    connect(&service.model).await.map_err(|error| Problem::unavailable(error.to_string()))
}
