//! How the server is reached, what its refusals mean, and how long it is given.

use std::time::Duration;

use qdrant_client::{Qdrant, QdrantError};

use super::super::server_url::{hint, normalize, plain_message};
use super::super::store::StoreError;
use super::KEY_VARIABLE;

/// The first pause before a write is tried again, and the longest: 13 seconds together.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_millis(6_400));

/// Writes again after growing pauses while the server is busy, restarts or cannot be reached. What is written has ids
/// of its own, so that twice is as good as once.
pub(super) async fn patiently<T, F>(call: impl Fn() -> F) -> Result<T, QdrantError>
where
    F: Future<Output = Result<T, QdrantError>>,
{
    let (mut pause, longest) = PAUSES;
    loop {
        match call().await {
            Err(error) if passes(&error) && pause <= longest => {
                tracing::info!("Qdrant: {error}; again in {pause:?}");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            ended => return ended,
        }
    }
}

/// Whether a refusal is one that waiting mends.
fn passes(error: &QdrantError) -> bool {
    match error {
        QdrantError::ResourceExhaustedError { .. } => true,
        // gRPC's numbers: 1 cancelled, 4 deadline exceeded, 8 resource exhausted, 14 unavailable
        QdrantError::ResponseError { status } => {
            matches!(status.code() as i32, 1 | 4 | 8 | 14)
                || status.message().starts_with("Failed to connect")
        }
        _ => false,
    }
}

/// A client for the server at `url`, and the URL in full. Nothing is sent yet.
pub(super) fn connect(url: &str) -> Result<(Qdrant, String), StoreError> {
    let url = normalize(url);
    let client = Qdrant::from_url(&url)
        .api_key(std::env::var(KEY_VARIABLE).ok().filter(|key| !key.is_empty()))
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(60))
        .skip_compatibility_check()
        .build()
        .map_err(|error| unreachable(&url, &error.to_string()))?;
    Ok((client, url))
}

fn unreachable(url: &str, reason: &str) -> StoreError {
    let reason = format!("{}{}", plain_message(reason), hint(url));
    StoreError::Unreachable { url: url.to_string(), reason }
}

pub(super) fn failed(url: &str, action: &'static str, error: &QdrantError) -> StoreError {
    let (QdrantError::ResponseError { status } | QdrantError::ResourceExhaustedError { status, .. }) = error
    else {
        return unreachable(url, &error.to_string());
    };
    if status.message().starts_with("Failed to connect") {
        return unreachable(url, status.message());
    }
    let message = plain_message(status.message());
    // gRPC's numbers: 4 deadline exceeded, 14 unavailable, 1 cancelled, 2 unknown (no gRPC at the other end),
    // 7 permission denied, 16 unauthenticated
    match status.code() as i32 {
        1 | 2 | 4 | 14 => unreachable(url, &message),
        7 | 16 => StoreError::Refused {
            action,
            reason: format!("{message}; set {KEY_VARIABLE} to the server's key"),
        },
        13 if url.ends_with(":6333") => unreachable(url, &message),
        _ => StoreError::Refused { action, reason: message },
    }
}
