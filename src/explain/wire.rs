//! What every adapter of a model server shares: the HTTP client, lines out of bytes, patience, and the
//! words for what goes wrong. Knows the protocol of none of them.

use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt, TryStreamExt, stream};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::codec::{FramedRead, LinesCodec};
use tokio_util::io::StreamReader;

use super::model::{ChatError, ChatEvent, ChatStream, Patience};

/// A longer line is no answer of a model.
const LONGEST_LINE: usize = 1 << 20;
/// What is read of a body that is not streamed: a list of models, or why a request was refused.
const LONGEST_BODY: usize = 1 << 22;
/// How long the address may take to accept a connection; the model's own work comes after it.
const CONNECT: Duration = Duration::from_secs(5);
/// How often a busy server is asked again.
const RETRIES: u32 = 3;
/// The pause before the first of them; each further one is twice as long.
pub(super) const PAUSE: Duration = Duration::from_millis(250);
/// More characters a token than any prompt has: beyond it a part of the prompt was not read.
const CHARACTERS_A_TOKEN: usize = 16;

pub(super) type Events = Pin<Box<dyn Stream<Item = Result<ChatEvent, ChatError>> + Send>>;

/// A client for the server at `url`. A proxy of the environment is not asked for this very machine.
pub(super) fn client(url: &Url) -> Result<Client, ChatError> {
    let builder = Client::builder().connect_timeout(CONNECT).redirect(reqwest::redirect::Policy::none());
    let builder = if is_loopback(url) { builder.no_proxy() } else { builder };
    builder.build().map_err(|error| ChatError::Broken { reason: chain(&error) })
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The address as people write it, without what could be a password.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for addresses that cannot hold them.
    let _ = url.set_password(None);
    let _ = url.set_username("");
    url.as_str().trim_end_matches('/').to_string()
}

/// Words for a request that got no response.
pub(super) fn unsent(url: &Url, error: &reqwest::Error) -> ChatError {
    if error.is_connect() || error.is_timeout() {
        ChatError::Unreachable { url: shown(url) }
    } else {
        ChatError::Broken { reason: chain(error) }
    }
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !words.contains(&text) {
            words = format!("{words}: {text}");
        }
        source = cause.source();
    }
    words
}

/// Sends, and again after a pause while the server says that it is busy; nothing was answered then, so
/// nothing is said twice. A server that still loads its model is waited for until `deadline`.
pub(super) async fn send(
    request: RequestBuilder,
    url: &Url,
    patience: Patience,
    started: Instant,
    pause: Duration,
) -> Result<Response, ChatError> {
    let deadline = started + patience.first;
    let mut tries = 0;
    loop {
        let Some(attempt) = request.try_clone() else {
            return Err(ChatError::Broken { reason: "the request cannot be sent again".to_string() });
        };
        let response = timeout_at(deadline, attempt.send())
            .await
            .map_err(|_| silent(patience.first))?
            .map_err(|error| unsent(url, &error))?;
        if !matches!(response.status(), StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            return Ok(response);
        }
        let loading = body(response, patience.between).await.to_lowercase().contains("loading");
        let wait = pause * 2_u32.pow(if loading { 1 } else { tries });
        tries += 1;
        if (!loading && tries > RETRIES) || Instant::now() + wait >= deadline {
            return Err(ChatError::Busy { url: shown(url) });
        }
        tokio::time::sleep(wait).await;
    }
}

/// A body that is not streamed, as text; at most 4 MiB and as long as `patience` allows.
pub(super) async fn body(response: Response, patience: Duration) -> String {
    let read = async {
        let mut bytes = Vec::new();
        let mut body = response.bytes_stream();
        while let Some(Ok(piece)) = body.next().await {
            bytes.extend_from_slice(&piece);
            if bytes.len() >= LONGEST_BODY {
                break;
            }
        }
        bytes
    };
    String::from_utf8_lossy(&timeout(patience, read).await.unwrap_or_default()).trim().to_string()
}

/// One plain line out of a body that says why: the message of a JSON error, or what a page begins with.
pub(super) fn reason(body: &str) -> String {
    if let Ok(value) = serde_json::from_str::<serde_json::Value>(body)
        && let Some(message) = message_of(&value)
    {
        return message;
    }
    let line = body.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    if line.is_empty() {
        "it gave no reason".to_string()
    } else if line.starts_with('<') {
        "it answered with a web page, so it is no model server".to_string()
    } else {
        line.chars().take(200).collect()
    }
}

/// The message in the shapes of error that servers send.
pub(super) fn message_of(value: &serde_json::Value) -> Option<String> {
    let error = value.get("error").unwrap_or(value);
    [error.get("message"), Some(error), error.get("detail"), value.get("message")]
        .into_iter()
        .flatten()
        .find_map(|text| text.as_str())
        .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The lines of a body. Bytes that are no UTF-8, an endless line and a lost connection are errors.
pub(super) fn lines(response: Response) -> impl Stream<Item = Result<String, ChatError>> + Send {
    let bytes = response.bytes_stream().map_err(std::io::Error::other);
    FramedRead::new(StreamReader::new(bytes), LinesCodec::new_with_max_length(LONGEST_LINE))
        .map_err(|error| ChatError::Broken { reason: chain(&error) })
}

/// Waits for the first piece, so that what fails before it is an error of the request, then hands on the
/// rest. An answer that ends without [`ChatEvent::Done`] is broken; nothing follows an error or the end.
pub(super) async fn begin(
    mut events: Events,
    patience: Patience,
    started: Instant,
) -> Result<ChatStream, ChatError> {
    let first = timeout_at(started + patience.first, events.next())
        .await
        .map_err(|_| silent(patience.first))?
        .unwrap_or_else(|| Err(closed()))?;
    let ended = matches!(first, ChatEvent::Done(_));
    let rest = stream::unfold((!ended).then_some(events), move |events| async move {
        let mut events = events?;
        match timeout(patience.between, events.next()).await {
            Err(_) => Some((Err(silent(patience.between)), None)),
            Ok(None) => Some((Err(closed()), None)),
            Ok(Some(Err(error))) => Some((Err(error), None)),
            Ok(Some(Ok(done @ ChatEvent::Done(_)))) => Some((Ok(done), None)),
            Ok(Some(Ok(event))) => Some((Ok(event), Some(events))),
        }
    });
    Ok(stream::iter([Ok(first)]).chain(rest).boxed())
}

/// That the model read far less than it was sent: a server that cuts prompts says nothing about it.
pub(super) fn lost(characters: usize, read: Option<u32>) -> Option<ChatError> {
    let read = read?;
    (characters > CHARACTERS_A_TOKEN * (read as usize + 8)).then(|| ChatError::Broken {
        reason: format!(
            "the server read {read} tokens of a prompt of {characters} characters, so it cut the rest"
        ),
    })
}

pub(super) fn silent(waited: Duration) -> ChatError {
    ChatError::Silent { seconds: waited.as_secs().max(1) }
}

fn closed() -> ChatError {
    ChatError::Broken { reason: "the server closed the connection before the end".to_string() }
}
