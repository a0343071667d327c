//! `/healthz`, `/readyz` and `/metrics`: for who runs the service.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::extract::State;
use axum::routing::get;

use super::Service;
use super::error::Problem;
use crate::index::store::Filter;

pub(super) fn router() -> Router<Service> {
    Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}

async fn ready(State(service): State<Service>) -> Result<String, Problem> {
    service.store.count(Filter::default()).await.map_err(|error| Problem::unavailable(error.to_string()))?;
    Ok("ready".to_owned())
}

async fn metrics(State(service): State<Service>) -> Result<String, Problem> {
    let tests = service.store.count(Filter::default()).await?;
    let mut out = String::from("# TYPE flakydetector_tests gauge\n");
    let _ = writeln!(out, "flakydetector_tests {tests}");
    out.push_str("# TYPE flakydetector_responses_total counter\n");
    for (hundred, count) in service.answers.iter().enumerate().skip(1) {
        let count = count.load(Ordering::Relaxed);
        let _ = writeln!(out, "flakydetector_responses_total{{status=\"{hundred}xx\"}} {count}");
    }
    Ok(out)
}
