//! What stands before every handler: other people's pages are kept out, and answers are counted.

use std::sync::atomic::Ordering;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Service;
use super::error::Problem;

/// Refuses what a page of another site sends in the user's name. A browser says where a page came from; a request
/// without an origin is no page's.
pub(super) async fn own_pages_only(request: Request, next: Next) -> Response {
    if is_foreign(request.headers()) {
        let detail = "this service answers its own page and programs, not pages of other sites";
        return Problem::forbidden(detail).into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}

fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    let crossed = text(header::ORIGIN)
        .is_some_and(|origin| origin.split_once("://").map_or(origin, |(_, authority)| authority) != host);
    // a name of somebody else's that was made to point here is no name of ours
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host }
    });
    let is_address = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    let is_plain = !name.contains('.') || name.ends_with(".localhost") || name.ends_with(".local");
    crossed || !(is_address || is_plain)
}

/// Counts answers for `/metrics`.
pub(super) async fn count(State(service): State<Service>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let hundred = usize::from(response.status().as_u16() / 100).min(service.answers.len() - 1);
    service.answers[hundred].fetch_add(1, Ordering::Relaxed);
    response
}
