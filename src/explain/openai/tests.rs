//! The adapter against recorded exchanges, and against a real small model where `FLAKYDETECTOR_LLM_URL` names one.
#![allow(clippy::unwrap_used)]

use futures::StreamExt;

use super::*;
use crate::explain::model::{ChatEvent, Message, Role, Usage};
use crate::explain::replay::{Play, Replay, recorded, response};

const PATIENT: Patience = Patience { first: Duration::from_secs(30), between: Duration::from_secs(30) };
const CHAT: &str = "/v1/chat/completions";

fn question() -> ChatRequest {
    ChatRequest {
        messages: vec![Message { role: Role::User, content: "Say hello.".to_string() }],
        schema: None,
        max_tokens: 12,
        temperature: 0.0,
        num_ctx: 4096,
    }
}

async fn connect(replay: &Replay, configured: Option<&str>) -> Result<OpenAi, ChatError> {
    let mut model = OpenAi::connect(address(&replay.address).unwrap(), configured, None, PATIENT).await?;
    model.pause = Duration::from_millis(1);
    Ok(model)
}

/// A server with the recorded models and this answer.
async fn serving(plays: Vec<Play>) -> Replay {
    let models = Play::Whole(recorded("openai-models").bytes);
    let plays = plays.into_iter().map(|play| (CHAT, play));
    Replay::start([("/v1/models", models)].into_iter().chain(plays).collect()).await
}

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
    let replay = serving(vec![play]).await;
    let model = connect(&replay, None).await.unwrap();
    hear(model.chat(question()).await).await
}

fn events(body: &str) -> Play {
    Play::Whole(response("200 OK", "text/event-stream", body))
}

#[test]
fn addresses_are_completed() {
    for (given, expected) in [
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1/"),
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1/"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1/"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000/v1/"),
        ("https://models.example/api/v3", "https://models.example/api/v3/"),
        ("http://127.0.0.1:8000/v1/chat/completions", "http://127.0.0.1:8000/v1/"),
    ] {
        assert_eq!(address(given).unwrap().as_str(), expected, "{given}");
    }
    for wrong in ["", "ftp://a/v1", "http://"] {
        let words = address(wrong).unwrap_err().to_string();
        assert!(words.contains("http://127.0.0.1:8000/v1"), "{wrong}: {words}");
    }
}

#[tokio::test]
async fn the_recorded_answer_is_heard_however_it_is_cut() {
    let bytes = recorded("openai-chat").bytes;
    let (said, usage, error) = play(Play::Whole(bytes.clone())).await;
    assert!(error.is_none() && said.starts_with("I'm so glad"), "{said} {error:?}");
    let usage = usage.unwrap();
    assert_eq!((usage.prompt_tokens, usage.completion_tokens, usage.cut), (Some(12), Some(12), true));
    assert_eq!(play(Play::Bytewise(bytes.clone())).await.0, said);
    for at in 1..bytes.len() {
        let (split, end, error) = play(Play::SplitAt(bytes.clone(), at)).await;
        assert!(error.is_none() && end.is_some(), "at {at}: {error:?}");
        assert_eq!(split, said, "at {at}");
    }
}

#[tokio::test]
async fn what_is_sent_is_what_servers_understand() {
    let replay = serving(vec![Play::Whole(recorded("openai-chat").bytes)]).await;
    let url = address(&replay.address).unwrap();
    let model = OpenAi::connect(url, Some("smollm2"), Some("secret"), PATIENT).await.unwrap();
    assert_eq!(model.name(), "smollm2:135m");
    let schema = json!({ "type": "object" });
    hear(model.chat(ChatRequest { schema: Some(schema.clone()), ..question() }).await).await;
    let asked = &replay.asked()[1];
    assert!(asked.head.to_lowercase().contains("authorization: bearer secret"));
    assert_eq!(asked.body["model"], "smollm2:135m");
    assert_eq!(asked.body["stream"], true);
    assert_eq!(asked.body["stream_options"]["include_usage"], true);
    assert_eq!(asked.body["max_tokens"], 12);
    assert_eq!(asked.body["response_format"]["type"], "json_schema");
    assert_eq!(asked.body["response_format"]["json_schema"]["schema"], schema);
    assert_eq!(asked.body["messages"][0], json!({ "role": "user", "content": "Say hello." }));
}

#[tokio::test]
async fn a_server_without_schemas_is_asked_without_one() {
    let refusal =
        r#"{"error":{"message":"response_format is not supported","type":"invalid_request_error"}}"#;
    let replay = serving(vec![
        Play::Whole(response("400 Bad Request", "application/json", refusal)),
        Play::Whole(recorded("openai-chat").bytes),
    ])
    .await;
    let model = connect(&replay, None).await.unwrap();
    let (said, _, error) =
        hear(model.chat(ChatRequest { schema: Some(json!({})), ..question() }).await).await;
    assert!(error.is_none() && !said.is_empty());
    assert!(replay.asked()[2].body.get("response_format").is_none());
}

#[tokio::test]
async fn models_are_chosen_or_missed_with_words() {
    let replay = Replay::of(&["openai-models"]).await;
    assert_eq!(connect(&replay, None).await.unwrap().name(), "qwen2.5-coder:1.5b");
    let words = connect(&replay, Some("gpt-oss")).await.err().unwrap().to_string();
    assert!(
        words.contains("no model 'gpt-oss'") && words.contains("qwen2.5-coder:1.5b, smollm2:135m"),
        "{words}"
    );
    let replay = Replay::of(&["root"]).await;
    let words = connect(&replay, None).await.err().unwrap().to_string();
    assert!(words.contains("refused (404)"), "{words}");
    assert_eq!(shown("/models/Qwen2.5.Q4_K_M.gguf"), "Qwen2.5.Q4_K_M");
    assert_eq!(shown("org/model"), "org/model");
}

#[tokio::test]
async fn refusals_are_told_apart() {
    for (status, body, expected) in [
        ("404 Not Found", String::from_utf8(recorded("openai-missing").bytes).unwrap().lines().last().unwrap().to_string(), "has no model"),
        ("400 Bad Request", r#"{"error":{"code":400,"message":"request (6031 tokens) exceeds the available context size (2048 tokens), try increasing it","type":"exceed_context_size_error"}}"#.to_string(), "does not fit the model's context"),
        ("401 Unauthorized", r#"{"error":{"message":"Invalid API Key"}}"#.to_string(), "refused (401): Invalid API Key"),
        ("422 Unprocessable Entity", r#"{"detail":"messages missing"}"#.to_string(), "refused (422): messages missing"),
        ("500 Internal Server Error", "<!doctype html><p>oops".to_string(), "it answered with a web page"),
    ] {
        let (said, _, error) = play(Play::Whole(response(status, "application/json", &body))).await;
        let words = error.unwrap().to_string();
        assert!(said.is_empty() && words.contains(expected), "{status}: {words}");
    }
}

#[tokio::test]
async fn a_server_that_loads_its_model_is_waited_for() {
    let loading = r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#;
    let loading = Play::Whole(response("503 Service Unavailable", "application/json", loading));
    let mut plays = vec![loading; 6];
    plays.push(Play::Whole(recorded("openai-chat").bytes));
    let replay = serving(plays).await;
    let model = connect(&replay, None).await.unwrap();
    let (said, _, error) = hear(model.chat(question()).await).await;
    assert!(error.is_none() && !said.is_empty(), "{error:?}");
    let busy = Play::Whole(response("429 Too Many Requests", "application/json", "{}"));
    assert!(matches!(play(busy).await.2, Some(ChatError::Busy { .. })));
}

#[tokio::test]
async fn streams_end_properly_or_are_broken() {
    let token = r#"data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}"#;
    let stop = r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    // No usage and no last word, but finished.
    let (said, usage, error) = play(events(&format!(": ping\n\nevent: x\n{token}\n\n{stop}\n"))).await;
    assert!(said == "Hi" && error.is_none());
    assert_eq!(usage.unwrap().prompt_tokens, None);
    let thinking =
        r#"data: {"choices":[{"delta":{"reasoning_content":"hm","reasoning":"hm","content":null}}]}"#;
    assert_eq!(
        play(events(&format!("{thinking}\n\n{token}\r\n\r\n{stop}\n\ndata: [DONE]\n\n"))).await.0,
        "Hi"
    );
    for (body, expected) in [
        (format!("{token}\n\n"), "closed the connection"),
        (format!("{token}\n\ndata: {{\"error\":{{\"message\":\"out of memory\"}}}}\n\n"), "out of memory"),
        (format!("{token}\n\ndata: {{\"choices\":\n\n"), "broke off"),
        (format!("{token}\n\n{{\"error\":\"no frame\"}}\n"), "no frame"),
        ("<html>\n".to_string(), "it answered with a web page"),
        (String::new(), "closed the connection"),
    ] {
        let (_, usage, error) = play(events(&body)).await;
        let words = error.unwrap_or_else(|| panic!("{body}")).to_string();
        assert!(usage.is_none() && words.contains(expected), "{body}: {words}");
    }
}

/// The real model of `FLAKYDETECTOR_LLM_URL`; without one a line says that the test was skipped.
async fn real(patience: Patience) -> Option<OpenAi> {
    let Ok(url) = std::env::var("FLAKYDETECTOR_LLM_URL") else {
        eprintln!("skipped: FLAKYDETECTOR_LLM_URL names no model server (make test starts one)");
        return None;
    };
    Some(OpenAi::connect(address(&url).unwrap(), None, None, patience).await.unwrap())
}

#[tokio::test]
async fn a_real_model_streams_follows_a_schema_and_counts() {
    let Some(model) = real(Patience::default()).await else { return };
    let schema = json!({
        "type": "object",
        "properties": { "citations": { "type": "array", "minItems": 1, "maxItems": 2, "items": { "type": "string", "enum": ["T1", "FD101"] } } },
        "required": ["citations"],
    });
    let (said, usage, error) =
        hear(model.chat(ChatRequest { schema: Some(schema), max_tokens: 80, ..question() }).await).await;
    assert!(error.is_none(), "{error:?}");
    let value: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    for citation in value["citations"].as_array().unwrap() {
        assert!(citation == "T1" || citation == "FD101", "{said}");
    }
    let usage = usage.unwrap();
    assert!(
        usage.prompt_tokens.unwrap() > 5 && usage.completion_tokens.unwrap() > 3 && !usage.cut,
        "{usage:?}"
    );
}

#[tokio::test]
async fn a_real_model_is_cut_stopped_and_timed_out() {
    let Some(model) = real(Patience::default()).await else { return };
    let (said, usage, error) = hear(model.chat(ChatRequest { max_tokens: 4, ..question() }).await).await;
    assert!(error.is_none() && !said.is_empty() && usage.unwrap().cut);

    // Leaving frees the slot: more stories than the server has slots are begun and left.
    for _ in 0..5 {
        let mut stream = model.chat(ChatRequest { max_tokens: 3000, ..question() }).await.unwrap();
        assert!(stream.next().await.unwrap().is_ok());
    }
    let long = "the test sleeps and then reads the key again. ".repeat(2000);
    let messages = vec![Message { role: Role::User, content: long }];
    let (_, _, error) = hear(model.chat(ChatRequest { messages, ..question() }).await).await;
    assert!(matches!(error, Some(ChatError::TooLong { .. })), "{error:?}");

    let mut hasty = real(Patience::default()).await.unwrap();
    hasty.patience.first = Duration::from_micros(1);
    let (_, _, error) = hear(hasty.chat(question()).await).await;
    assert!(matches!(error, Some(ChatError::Silent { .. })), "{error:?}");
}
