//! A server for tests that plays recorded exchanges back, byte for byte, and remembers what it was asked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One recorded exchange of `tests/ollama`.
pub(crate) struct Exchange {
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) request: Value,
}

/// The exchange recorded as `tests/ollama/{name}.json`.
pub(crate) fn recorded(name: &str) -> Exchange {
    let path = format!("{}/tests/ollama/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let value: Value = serde_json::from_str(&text).unwrap();
    let reads = value["response"]["reads"].as_array().unwrap();
    Exchange {
        path: value["request"]["path"].as_str().unwrap().to_string(),
        bytes: reads.iter().flat_map(|read| read["utf8"].as_str().unwrap().bytes()).collect(),
        request: value["request"]["body"].clone(),
    }
}

/// A response with this status line and body, for what nobody recorded.
pub(crate) fn response(status: &str, kind: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// How a response is written.
#[derive(Clone)]
pub(crate) enum Play {
    Whole(Vec<u8>),
    /// In two writes, the first of so many bytes.
    SplitAt(Vec<u8>, usize),
    /// Every byte by itself.
    Bytewise(Vec<u8>),
    /// These bytes, and then nothing, with the connection open.
    Stall(Vec<u8>),
}

/// What a request was: its path, its head and its JSON body.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) head: String,
    pub(crate) body: Value,
}

/// Answers requests on loopback by path until it is dropped. Several plays of one path are given in turn,
/// the last again and again; a path without any gets 404.
pub(crate) struct Replay {
    pub(crate) address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    left: Arc<Mutex<usize>>,
    task: tokio::task::JoinHandle<()>,
}

impl Replay {
    pub(crate) async fn start(plays: Vec<(&str, Play)>) -> Replay {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let plays: Vec<(String, Play)> =
            plays.into_iter().map(|(path, play)| (path.to_string(), play)).collect();
        let (asked, left) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(0)));
        let (asked_by, left_by) = (asked.clone(), left.clone());
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                let (asked, left, plays) = (asked_by.clone(), left_by.clone(), plays.clone());
                tokio::spawn(async move {
                    let Some(request) = read(&mut stream).await else { return };
                    let play = choose(&plays, &request.path, &asked.lock().unwrap());
                    asked.lock().unwrap().push(request);
                    if write(&mut stream, play).await.is_none() {
                        *left.lock().unwrap() += 1;
                    }
                });
            }
        });
        Replay { address, asked, left, task }
    }

    /// Recorded exchanges, each at the path it was recorded from.
    pub(crate) async fn of(names: &[&str]) -> Replay {
        let exchanges: Vec<_> = names.iter().map(|name| recorded(name)).collect();
        let plays = exchanges.iter().map(|e| (e.path.as_str(), Play::Whole(e.bytes.clone()))).collect();
        Replay::start(plays).await
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Waits until a client has left before its answer was written.
    pub(crate) async fn client_left(&self) {
        while *self.left.lock().unwrap() == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn choose(plays: &[(String, Play)], path: &str, asked: &[Asked]) -> Play {
    let mine: Vec<_> = plays.iter().filter(|(of, _)| of == path).map(|(_, play)| play).collect();
    let before = asked.iter().filter(|earlier| earlier.path == path).count();
    let missing = || Play::Whole(response("404 Not Found", "text/plain", "404 page not found"));
    mine.get(before.min(mine.len().saturating_sub(1))).map_or_else(missing, |play| (*play).clone())
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let (head, mut body) = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let body = bytes.split_off(end + 4);
            break (String::from_utf8(bytes).unwrap(), body);
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse::<usize>().unwrap());
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    let path = head.split(' ').nth(1).unwrap_or_default().to_string();
    Some(Asked { path, head, body: serde_json::from_slice(&body).unwrap_or(Value::Null) })
}

/// Writes the play; `None` where the client left before its end.
async fn write(stream: &mut TcpStream, play: Play) -> Option<()> {
    let (pieces, stall): (Vec<Vec<u8>>, bool) = match play {
        Play::Whole(bytes) => (vec![bytes], false),
        Play::SplitAt(bytes, at) => (vec![bytes[..at].to_vec(), bytes[at..].to_vec()], false),
        Play::Bytewise(bytes) => (bytes.into_iter().map(|byte| vec![byte]).collect(), false),
        Play::Stall(bytes) => (vec![bytes], true),
    };
    for piece in pieces {
        stream.write_all(&piece).await.ok()?;
        // The client shares this thread: it reads now what has been written, so that the split is real.
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
    }
    if stall {
        let mut nothing = [0];
        stream.read(&mut nothing).await.ok().filter(|read| *read > 0)?;
    }
    stream.shutdown().await.ok()
}
