//! The web page, from inside the binary.

use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use include_dir::{Dir, include_dir};

use super::error::Problem;

static PAGE: Dir<'_> = include_dir!("$OUT_DIR/page");

/// A file of the page; the page itself at `/`.
pub(super) async fn page(uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path.starts_with("api/") {
        return Problem::not_found(format!("there is no {}; see /api/openapi.json", uri.path()))
            .into_response();
    }
    let path = if path.is_empty() { "index.html" } else { path };
    match PAGE.get_file(path) {
        Some(file) => {
            // built files carry a hash in their name, so they never change
            let keep =
                if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
            let head = [(header::CONTENT_TYPE, content_type(path)), (header::CACHE_CONTROL, keep)];
            (head, file.contents()).into_response()
        }
        None if path == "index.html" => {
            let words =
                "this binary was built without its page; 'make build' builds both. The API is at /api/v1.";
            (StatusCode::NOT_FOUND, words).into_response()
        }
        None => Problem::not_found(format!("there is no {}", uri.path())).into_response(),
    }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}
