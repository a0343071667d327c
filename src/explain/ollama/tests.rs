//! The adapter against exchanges recorded from a real server, and against a live one where there is one.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use futures::StreamExt;
use serde_json::{Value, json};

use super::*;
use crate::explain::model::{ChatEvent, Message, Usage};
use crate::explain::replay::{Play, Replay, recorded, response};

const PATIENT: Patience = Patience { first: Duration::from_secs(30), between: Duration::from_secs(30) };
const HASTY: Patience = Patience { first: Duration::from_millis(60), between: Duration::from_millis(60) };

fn server(replay: &Replay, patience: Patience) -> Ollama {
    let mut server = Ollama::new(address(&replay.address).unwrap(), patience).unwrap();
    server.pause = Duration::from_millis(1);
    server
}

fn model(replay: &Replay, patience: Patience) -> OllamaModel {
    let card = Card { context: Some(8192), capabilities: Vec::new() };
    OllamaModel { server: server(replay, patience), name: "smollm2:135m".to_string(), card, budget: 700 }
}

fn question() -> ChatRequest {
    ChatRequest {
        messages: vec![Message { role: Role::User, content: "Why?".to_string() }],
        schema: None,
        max_tokens: 48,
        temperature: 0.0,
        num_ctx: 4096,
    }
}

/// What was said, the usage of a proper end, and the error of another.
type Heard = (String, Option<Usage>, Option<ChatError>);

async fn hear(stream: Result<ChatStream, ChatError>) -> Heard {
    let (mut said, mut usage) = (String::new(), None);
    let mut stream = match stream {
        Ok(stream) => stream,
        Err(error) => return (said, usage, Some(error)),
    };
    while let Some(event) = stream.next().await {
        match event {
            Ok(ChatEvent::Token(text)) => said.push_str(&text),
            Ok(ChatEvent::Thought(_)) => {}
            Ok(ChatEvent::Done(done)) => usage = Some(done),
            Err(error) => return (said, usage, Some(error)),
        }
    }
    (said, usage, None)
}

async fn play(play: Play) -> Heard {
    let replay = Replay::start(vec![("/api/chat", play)]).await;
    hear(model(&replay, PATIENT).chat(question()).await).await
}

async fn whole(name: &str) -> Heard {
    play(Play::Whole(recorded(name).bytes)).await
}

/// What the recorded lines say, read in the plainest way.
fn content(name: &str) -> String {
    let text = String::from_utf8(recorded(name).bytes).unwrap();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter_map(|line| line["message"]["content"].as_str().map(str::to_string)).collect()
}

#[tokio::test]
async fn a_whole_answer_is_heard() {
    let (said, usage, error) = whole("chat").await;
    assert!(error.is_none() && said.starts_with("This is a classic"), "{said} {error:?}");
    assert_eq!(said, content("chat"));
    let usage = usage.unwrap();
    assert_eq!(
        (usage.prompt_tokens, usage.completion_tokens, usage.num_ctx, usage.cut),
        (Some(29), Some(48), 4096, true)
    );
}

#[tokio::test]
async fn characters_of_several_bytes_survive() {
    let (said, usage, error) = whole("chat-unicode").await;
    assert!(error.is_none());
    assert_eq!(said.trim(), "naïve café — 日本語 🦀🔥 été");
    assert!(!usage.unwrap().cut);
}

#[tokio::test]
async fn nothing_depends_on_where_the_network_cuts() {
    for name in ["chat", "chat-unicode", "chat-schema", "chat-schema-cut", "chat-length", "chat-cold"] {
        let (said, usage, error) = play(Play::Bytewise(recorded(name).bytes)).await;
        assert!(error.is_none(), "{name}: {error:?}");
        assert_eq!(said, content(name), "{name}");
        assert_eq!(usage, whole(name).await.1, "{name}");
    }
    let (said, _, error) = play(Play::Bytewise(recorded("chat-runner-killed").bytes)).await;
    assert_eq!(said, content("chat-runner-killed"));
    assert!(matches!(error, Some(ChatError::Broken { .. })));
}

#[tokio::test]
async fn every_split_in_two_says_the_same() {
    for name in ["chat-unicode", "chat-length", "chat-schema-cut"] {
        let expected = content(name);
        let bytes = recorded(name).bytes;
        for at in 1..bytes.len() {
            let (said, usage, error) = play(Play::SplitAt(bytes.clone(), at)).await;
            assert!(error.is_none() && usage.is_some(), "{name} at {at}: {error:?}");
            assert_eq!(said, expected, "{name} at {at}");
        }
    }
    let bytes = recorded("chat-runner-killed").bytes;
    let tail = bytes.len() - 120;
    for at in tail..bytes.len() {
        let (_, usage, error) = play(Play::SplitAt(bytes.clone(), at)).await;
        let Some(ChatError::Broken { reason }) = error else { panic!("at {at}: {error:?} {usage:?}") };
        assert!(reason.contains("unexpected EOF"), "{reason}");
    }
}

#[tokio::test]
async fn a_connection_lost_anywhere_is_no_end() {
    let bytes = recorded("chat-length").bytes;
    let end = bytes.windows(11).position(|window| window == b"done\":true,").unwrap();
    for at in (1..end).step_by(7) {
        let (said, usage, error) = play(Play::Whole(bytes[..at].to_vec())).await;
        assert!(usage.is_none() && error.is_some(), "at {at}: {said}");
        assert!(content("chat-length").starts_with(&said));
    }
}

#[tokio::test]
async fn an_answer_cut_by_the_limit_says_so() {
    let (said, usage, _) = whole("chat-length").await;
    assert!(said.starts_with("In the") && usage.unwrap().cut);
    let (said, usage, error) = whole("chat-schema-cut").await;
    assert!(error.is_none() && usage.unwrap().cut && serde_json::from_str::<Value>(&said).is_err());
}

#[tokio::test]
async fn a_runner_that_dies_leaves_what_was_said() {
    let (said, usage, error) = whole("chat-runner-killed").await;
    assert!(said.starts_with("Once upon") && usage.is_none());
    let error = error.unwrap().to_string();
    assert_eq!(
        error,
        "the answer broke off: an error was encountered while running the model: unexpected EOF"
    );
}

#[tokio::test]
async fn a_prompt_that_does_not_fit_is_refused() {
    let (_, _, error) = whole("chat-cut-refused").await;
    assert!(matches!(error, Some(ChatError::TooLong { num_ctx: 4096 })), "{error:?}");
}

#[tokio::test]
async fn a_prompt_that_was_cut_is_noticed() {
    for name in ["chat-cut", "chat-cut-single"] {
        let exchange = recorded(name);
        let replay = Replay::of(&[name]).await;
        let messages: Vec<Message> = serde_json::from_value(exchange.request["messages"].clone()).unwrap();
        let (_, usage, error) =
            hear(model(&replay, PATIENT).chat(ChatRequest { messages, ..question() }).await).await;
        let Some(ChatError::Broken { reason }) = error else { panic!("{name}: {error:?} {usage:?}") };
        assert!(reason.contains("so it cut the rest"), "{reason}");
    }
}

#[tokio::test]
async fn what_is_sent_is_what_the_server_needs() {
    let replay = Replay::of(&["chat"]).await;
    let schema =
        json!({ "type": "object", "properties": { "z": { "type": "string" }, "a": { "type": "string" } } });
    let request = ChatRequest { schema: Some(schema), num_ctx: 16384, ..question() };
    hear(model(&replay, PATIENT).chat(request).await).await;
    let body = replay.asked()[0].body.clone();
    assert_eq!(body["model"], "smollm2:135m");
    assert_eq!(body["stream"], true);
    assert_eq!(body["truncate"], false);
    assert_eq!(body["keep_alive"], "15m");
    // Never more than the model holds.
    assert_eq!(body["options"]["num_ctx"], 8192);
    assert_eq!(body["options"]["num_predict"], 48);
    assert_eq!(body["messages"][0]["role"], "user");
    assert_eq!(body["messages"][0]["content"], "Why?");
    // The order of properties is the order in which the model writes them.
    assert_eq!(
        body["format"].to_string(),
        r#"{"type":"object","properties":{"z":{"type":"string"},"a":{"type":"string"}}}"#
    );
    assert!(body.get("think").is_none());
}

#[tokio::test]
async fn a_missing_model_names_what_there_is() {
    let replay = Replay::of(&["chat-missing", "tags"]).await;
    let (_, _, error) = hear(model(&replay, PATIENT).chat(question()).await).await;
    let words = error.unwrap().to_string();
    assert!(words.contains("has no model 'smollm2:135m'"), "{words}");
    assert!(words.contains("ollama pull smollm2:135m"), "{words}");
    assert!(words.contains("qwen2.5-coder:1.5b, smollm2:135m"), "{words}");
}

#[tokio::test]
async fn a_busy_server_is_asked_again_and_then_left() {
    let busy = Play::Whole(recorded("chat-busy").bytes);
    let replay = Replay::start(vec![
        ("/api/chat", busy.clone()),
        ("/api/chat", busy.clone()),
        ("/api/chat", Play::Whole(recorded("chat").bytes)),
    ])
    .await;
    let (said, _, error) = hear(model(&replay, PATIENT).chat(question()).await).await;
    assert!(error.is_none() && said == content("chat"));
    assert_eq!(replay.asked().len(), 3);

    let replay = Replay::start(vec![("/api/chat", busy)]).await;
    let (_, _, error) = hear(model(&replay, PATIENT).chat(question()).await).await;
    assert!(matches!(error, Some(ChatError::Busy { .. })));
    assert_eq!(replay.asked().len(), 4);
}

#[tokio::test]
async fn silence_ends_the_patience() {
    let replay = Replay::start(vec![("/api/chat", Play::Stall(Vec::new()))]).await;
    let (_, _, error) = hear(model(&replay, HASTY).chat(question()).await).await;
    assert!(matches!(error, Some(ChatError::Silent { .. })));

    // The head and one token, and then nothing.
    let bytes = recorded("chat").bytes;
    let one = bytes.windows(3).position(|three| three == b"}\n\r").unwrap() + 5;
    let replay = Replay::start(vec![("/api/chat", Play::Stall(bytes[..one].to_vec()))]).await;
    let patience = Patience { first: PATIENT.first, between: HASTY.between };
    let (said, _, error) = hear(model(&replay, patience).chat(question()).await).await;
    assert_eq!(said, "This");
    assert!(matches!(error, Some(ChatError::Silent { .. })));
}

#[tokio::test]
async fn leaving_closes_the_connection() {
    let bytes = recorded("chat-cancelled").bytes;
    let replay = Replay::start(vec![("/api/chat", Play::Stall(bytes))]).await;
    let mut stream = model(&replay, PATIENT).chat(question()).await.unwrap();
    assert!(matches!(stream.next().await, Some(Ok(ChatEvent::Token(_)))));
    drop(stream);
    replay.client_left().await;
}

#[tokio::test]
async fn thoughts_are_not_answers() {
    let line = |content: &str, thinking: &str| {
        json!({ "message": { "role": "assistant", "content": content, "thinking": thinking }, "done": false })
            .to_string()
    };
    let done = json!({ "message": { "content": "" }, "done": true, "done_reason": "stop" });
    let body = format!(
        "{}\n{}\n{}\n{done}\n",
        line("", "Let me see"),
        line("<think>hm</th", ""),
        line("ink>It waits.", "")
    );
    let replay =
        Replay::start(vec![("/api/chat", Play::Whole(response("200 OK", "application/x-ndjson", &body)))])
            .await;
    let events: Vec<_> = model(&replay, PATIENT).chat(question()).await.unwrap().collect().await;
    let events: Vec<_> = events.into_iter().map(Result::unwrap).collect();
    assert_eq!(events[0], ChatEvent::Thought("Let me see".to_string()));
    let thoughts: String = events
        .iter()
        .filter_map(|e| match e {
            ChatEvent::Thought(t) => Some(t.as_str()),
            _ => None,
        })
        .collect();
    let said: String = events
        .iter()
        .filter_map(|e| match e {
            ChatEvent::Token(t) => Some(t.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!((thoughts.as_str(), said.as_str()), ("Let me seehm", "It waits."));
}

#[tokio::test]
async fn strange_servers_get_words() {
    for (status, kind, body, expected) in [
        (
            "500 Internal Server Error",
            "application/json",
            r#"{"error":"out of memory"}"#,
            "refused (500): out of memory",
        ),
        ("404 Not Found", "text/plain", "404 page not found", "refused (404): 404 page not found"),
        (
            "502 Bad Gateway",
            "text/html",
            "<html><body>Bad gateway</body></html>",
            "it answered with a web page",
        ),
        ("200 OK", "text/html", "<html>\n<body>hello</body>\n</html>", "it answered with a web page"),
        ("200 OK", "application/x-ndjson", "", "closed the connection before the end"),
        ("200 OK", "application/x-ndjson", "{\"error\":\"no room\"}\n", "no room"),
        ("200 OK", "application/x-ndjson", "not json at all\n", "not json at all"),
        ("301 Moved Permanently", "text/plain", "elsewhere", "refused (301): elsewhere"),
    ] {
        let (said, usage, error) = play(Play::Whole(response(status, kind, body))).await;
        let words = error.unwrap().to_string();
        assert!(said.is_empty() && usage.is_none() && words.contains(expected), "{status}: {words}");
    }
    let mut bytes = response("200 OK", "application/x-ndjson", "{\"message\":{\"content\":\"XX\"}}\n");
    let at = bytes.windows(2).position(|two| two == b"XX").unwrap();
    bytes[at] = 0xff;
    let (_, _, error) = play(Play::Whole(bytes)).await;
    let words = error.unwrap().to_string();
    assert!(words.to_lowercase().contains("utf"), "{words}");
    let endless = response("200 OK", "application/x-ndjson", &"a".repeat(3 << 20));
    assert!(matches!(play(Play::Whole(endless)).await.2, Some(ChatError::Broken { .. })));
}

#[tokio::test]
async fn nobody_there_is_said_with_the_address() {
    let replay = Replay::of(&["chat"]).await;
    let gone = model(&replay, PATIENT);
    let address = replay.address.clone();
    drop(replay);
    // The task that held the port ends at its next turn.
    tokio::task::yield_now().await;
    let (_, _, error) = hear(gone.chat(question()).await).await;
    let words = error.unwrap().to_string();
    assert!(words.contains(&address) && words.contains("ollama serve"), "{words}");
    assert!(matches!(gone.server.installed().await, Err(ChatError::Unreachable { .. })));
}

#[tokio::test]
async fn the_installed_models_are_listed() {
    let replay = Replay::of(&["tags"]).await;
    let names: Vec<_> =
        server(&replay, PATIENT).installed().await.unwrap().into_iter().map(|m| m.name).collect();
    assert_eq!(names, ["qwen2.5-coder:1.5b", "smollm2:135m"]);
    let replay = Replay::of(&["tags-empty"]).await;
    assert!(server(&replay, PATIENT).installed().await.unwrap().is_empty());
    let words = server(&replay, PATIENT).model(None).await.err().unwrap().to_string();
    assert!(words.contains("ollama pull qwen2.5-coder:1.5b"), "{words}");
}

#[tokio::test]
async fn a_foreign_host_is_explained() {
    let replay = Replay::of(&["foreign-host"]).await;
    let words = server(&replay, PATIENT).installed().await.unwrap_err().to_string();
    assert!(words.contains("403") && words.contains("OLLAMA_ORIGINS"), "{words}");
}

#[tokio::test]
async fn a_path_before_the_api_is_kept() {
    let tags = Play::Whole(recorded("tags").bytes);
    let chat = Play::Whole(recorded("chat").bytes);
    let show = Play::Whole(recorded("show").bytes);
    let replay =
        Replay::start(vec![("/llm/api/tags", tags), ("/llm/api/chat", chat), ("/llm/api/show", show)]).await;
    let server = Ollama::new(address(&format!("{}/llm", replay.address)).unwrap(), PATIENT).unwrap();
    let model = server.model(None).await.unwrap();
    assert_eq!(model.name(), "qwen2.5-coder:1.5b");
    assert_eq!(hear(model.chat(question()).await).await.0, content("chat"));
}

#[tokio::test]
async fn the_card_tells_context_and_capabilities() {
    let replay = Replay::of(&["show"]).await;
    let card = server(&replay, PATIENT).card("qwen2.5-coder:1.5b").await.unwrap();
    assert_eq!(card.context, Some(32768));
    assert!(card.answers() && card.capabilities.iter().any(|name| name == "completion"), "{card:?}");
    let replay = Replay::of(&["show-missing", "tags"]).await;
    let error = server(&replay, PATIENT).card("qwen2.5-coder:7b").await.unwrap_err();
    assert!(matches!(error, ChatError::NoModel { .. }), "{error}");
}

#[tokio::test]
async fn the_best_model_answers_and_its_budget_follows_the_accelerator() {
    let replay = Replay::of(&["tags", "show", "ps-loaded"]).await;
    let model = server(&replay, PATIENT).model(None).await.unwrap();
    assert_eq!((model.name(), model.budget()), ("qwen2.5-coder:1.5b", 700));
    let loaded = String::from_utf8(recorded("ps-loaded").bytes).unwrap();
    let on_gpu = loaded.replace("\"size_vram\":0", "\"size_vram\":9");
    let replay = Replay::start(vec![
        ("/api/tags", Play::Whole(recorded("tags").bytes)),
        ("/api/show", Play::Whole(recorded("show").bytes)),
        ("/api/ps", Play::Whole(on_gpu.into_bytes())),
    ])
    .await;
    assert_eq!(server(&replay, PATIENT).model(Some("smollm2")).await.unwrap().budget(), 3000);
    assert_eq!(server(&replay, PATIENT).accelerated().await, Some(true));
    let replay = Replay::of(&["ps-empty"]).await;
    assert_eq!(server(&replay, PATIENT).accelerated().await, None);
}

#[tokio::test]
async fn a_pull_that_fails_says_why() {
    let replay = Replay::of(&["pull-offline"]).await;
    let steps: Vec<_> = server(&replay, PATIENT).pull("qwen2.5-coder:0.5b").await.unwrap().collect().await;
    assert_eq!(steps[0].as_ref().unwrap().step, "pulling manifest");
    assert!(steps[1].as_ref().unwrap_err().to_string().contains("no such host"));
    let replay = Replay::of(&["pull-bad-name", "tags"]).await;
    let error = server(&replay, PATIENT).pull("///").await.err().unwrap();
    assert!(error.to_string().contains("invalid model name"), "{error}");
}

#[tokio::test]
async fn a_live_server_behaves_like_the_recorded_one() {
    let host = std::env::var("OLLAMA_HOST").unwrap_or_default();
    let server = Ollama::new(address(&host).unwrap(), Patience::default()).unwrap();
    let Ok(installed) = server.installed().await else {
        eprintln!("skipped: no Ollama answers at {}", server.address());
        return;
    };
    // The smallest is enough for the protocol.
    let smallest = installed.iter().filter(|m| !m.name.contains("embed")).min_by_key(|model| model.bytes);
    let Some(smallest) = smallest else {
        eprintln!("skipped: Ollama at {} has no model", server.address());
        return;
    };
    let model = server.model(Some(&smallest.name)).await.unwrap();
    let schema = json!({ "type": "object", "properties": { "ref": { "type": "string", "enum": ["T1"] } }, "required": ["ref"] });
    let (said, usage, error) =
        hear(model.chat(ChatRequest { schema: Some(schema), ..question() }).await).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap()["ref"], "T1");
    assert!(usage.unwrap().prompt_tokens.unwrap() > 0);

    let long = Message { role: Role::User, content: "the test sleeps and reads the key. ".repeat(3000) };
    let (_, _, error) = hear(model.chat(ChatRequest { messages: vec![long], ..question() }).await).await;
    assert!(matches!(error, Some(ChatError::TooLong { .. })), "{error:?}");

    let mut stream = model.chat(ChatRequest { max_tokens: 4000, ..question() }).await.unwrap();
    assert!(stream.next().await.unwrap().is_ok());
    drop(stream);
    let (said, _, error) = hear(model.chat(ChatRequest { max_tokens: 8, ..question() }).await).await;
    assert!(error.is_none() && !said.is_empty());

    let error = server.model(Some("no-such-model:1b")).await.err().unwrap();
    assert!(matches!(error, ChatError::NoModel { .. }), "{error}");
}
