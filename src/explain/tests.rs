//! Whole answers: without a model, from scripted servers that do what they should not, and from a real model.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use futures::StreamExt;
use serde_json::{Value, json};

use super::*;
use crate::explain::connect::{Settings, connect};
use crate::explain::grounding::Reason;
use crate::explain::model::Patience;
use crate::explain::replay::{Play, Replay, recorded, response};

/// The whole answer, and the names of its events in their order, repeated ones once.
async fn collect(stream: BoxStream<'static, Event>) -> (Finished, Vec<Event>) {
    let events: Vec<Event> = stream.collect().await;
    let Some(Event::Done(done)) = events.last().cloned() else { panic!("no end: {events:#?}") };
    assert!(matches!(events[0], Event::Retrieval { .. }), "sources come first");
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Done(_))).count(), 1);
    (*done, events)
}

/// What the model says alone.
async fn explained(model: Option<Arc<dyn ChatModel>>, options: Options) -> (Explanation, Vec<Event>) {
    let options = Options { findings_first: false, ..options };
    match collect(explain(samples::evidence(), model, options)).await {
        (Finished::Explanation(explanation), events) => (explanation, events),
        (other, _) => panic!("{other:?}"),
    }
}

/// The lines of an Ollama server that says these pieces and ends properly.
fn lines(pieces: &[&str]) -> String {
    let mut body: String = pieces
        .iter()
        .map(|piece| format!("{}\n", json!({ "message": { "content": piece }, "done": false })))
        .collect();
    body.push_str(&json!({ "message": {}, "done": true, "done_reason": "stop", "prompt_eval_count": 400, "eval_count": 9 }).to_string());
    body.push('\n');
    body
}

fn says(pieces: &[&str]) -> Play {
    Play::Whole(response("200 OK", "application/x-ndjson", &lines(pieces)))
}

/// A server with Ollama's models that answers so.
async fn serving(plays: Vec<Play>) -> (Replay, Option<Arc<dyn ChatModel>>) {
    serving_for(plays, Patience { first: Duration::from_secs(30), between: Duration::from_secs(30) }).await
}

async fn serving_for(plays: Vec<Play>, patience: Patience) -> (Replay, Option<Arc<dyn ChatModel>>) {
    let (tags, show) = (recorded("tags").bytes, recorded("show").bytes);
    let known = [("/api/tags", Play::Whole(tags)), ("/api/show", Play::Whole(show))];
    let plays = plays.into_iter().map(|play| ("/api/chat", play));
    let replay = Replay::start(known.into_iter().chain(plays).collect()).await;
    let settings = Settings { ollama_host: Some(replay.address.clone()), patience, ..Settings::default() };
    let model = connect(&settings).await.unwrap();
    (replay, model)
}

const GOOD: &str = r#"{"cause":"async-wait","sentences":[{"citations":["T1","FD101"],"text":"`asyncio.sleep(0.25)` hopes that the lock has expired."},{"citations":["FD101"],"text":"On a loaded machine the assertion runs too early."}]}"#;

#[tokio::test]
async fn without_a_model_the_evidence_answers() {
    let (explanation, events) = explained(None, Options { retrieval_ms: 4, ..Options::default() }).await;
    assert_eq!(explanation.model, None);
    assert_eq!(explanation.note.as_deref(), Some(offline::NOTE));
    assert!(explanation.sentences.len() >= 7 && explanation.dropped.is_empty());
    assert_eq!((explanation.milliseconds.retrieval, explanation.milliseconds.first_token), (4, None));
    assert!(events.iter().all(|event| !matches!(event, Event::Error { .. })));
}

#[tokio::test]
async fn what_was_found_is_said_before_the_model_speaks() {
    let (replay, model) = serving(vec![says(&[GOOD])]).await;
    let stream = explain(samples::evidence(), model.clone(), Options::default());
    let (Finished::Explanation(explanation), events) = collect(stream).await else { panic!() };
    assert_eq!(explanation.note, None);
    assert!(explanation.sentences[0].text.starts_with("Line "), "{:?}", explanation.sentences);
    assert_eq!(explanation.sentences[0].citations, ["T1", "FD101"]);
    let said = explanation
        .sentences
        .iter()
        .position(|sentence| sentence.text.starts_with("`asyncio.sleep(0.25)` hopes"));
    assert!(said.is_some_and(|at| at >= 2), "{:?}", explanation.sentences);
    assert_eq!(events.iter().filter(|event| event.name() == "error").count(), 0);

    // where nothing was found a model would only guess
    let mut evidence = samples::evidence();
    evidence.target.assessment.findings.clear();
    evidence.rules.clear();
    let asked = replay.asked().len();
    let (Finished::Explanation(explanation), _) = collect(explain(evidence, model, Options::default())).await
    else {
        panic!()
    };
    assert_eq!(explanation.note.as_deref(), Some(offline::NOTHING_FOUND));
    assert!(explanation.sentences[0].text.starts_with("No rule found"), "{:?}", explanation.sentences);
    assert_eq!(replay.asked().len(), asked);
}

#[tokio::test]
async fn the_object_is_the_one_that_was_promised() {
    let (_replay, model) = serving(vec![says(&[GOOD])]).await;
    let (explanation, _) = explained(model, Options::default()).await;
    let value = serde_json::to_value(&explanation).unwrap();
    let keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "test",
            "repo",
            "model",
            "causes",
            "sources",
            "sentences",
            "dropped",
            "fix",
            "usage",
            "milliseconds"
        ]
    );
    assert_eq!(value["test"], "tests/test_lock.py::test_expires");
    assert_eq!(value["model"], "qwen2.5-coder:1.5b");
    assert_eq!(value["causes"][0]["cause"], "async-wait");
    assert_eq!(value["sources"][0]["ref"], "T1");
    assert_eq!(value["sources"][0]["kind"], "test");
    assert_eq!(value["sources"][1]["ref"], "FD101");
    assert_eq!(value["sources"][1]["kind"], "rule");
    assert_eq!(value["sentences"][0]["citations"], json!(["T1", "FD101"]));
    assert_eq!(value["fix"], Value::Null);
    assert_eq!(value["usage"], json!({ "prompt_tokens": 400, "completion_tokens": 9, "num_ctx": 4096 }));
    assert!(value["milliseconds"]["first_token"].is_u64());
}

#[tokio::test]
async fn sentences_are_shown_as_they_complete_and_checked() {
    let pieces: Vec<String> = GOOD.chars().map(String::from).collect();
    let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
    let (replay, model) = serving(vec![says(&pieces)]).await;
    let (explanation, events) = explained(model, Options::default()).await;
    assert_eq!(explanation.sentences.len(), 2);
    assert_eq!(explanation.note, None);
    let text: String = events
        .iter()
        .filter_map(|event| match event {
            Event::Token { sentence: 0, text } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(text, explanation.sentences[0].text);
    let at = |name: &str| events.iter().position(|event| event.name() == name).unwrap();
    assert!(
        at("retrieval") < at("token") && at("token") < at("citation") && at("citation") < at("verification")
    );
    let last_token = events.iter().rposition(|event| event.name() == "token").unwrap();
    assert!(at("verification") < last_token, "the first sentence stands before the last is written");
    // The schema allows exactly what the prompt shows.
    let body = replay.asked().pop().unwrap().body;
    let allowed =
        &body["format"]["properties"]["sentences"]["items"]["properties"]["citations"]["items"]["enum"];
    assert_eq!(*allowed, json!(shown_prompt(&samples::evidence(), 700).unwrap().references));
    assert_eq!(allowed[0], "T1");
    assert!(body["format"]["properties"].get("cause").is_none(), "the rules name it");
}

#[tokio::test]
async fn what_does_not_stand_is_dropped_with_its_reason() {
    let wrong = r#"{"cause":"time","sentences":[
        {"citations":["T1"],"text":"`asyncio.sleep(0.25)` waits."},
        {"citations":["T1","FD101"],"text":"The wait is a guess."},
        {"citations":["T99"],"text":"It is known."},
        {"citations":[],"text":"It is."},
        {"citations":["T1"],"text":"`redis.flushall()` is called."},
        {"citations":["T1"],"text":"It fails in 40% of runs."},
        {"citations":["T1"],"text":"The test is stable."},
        {"citations":["T1"],"text":"<script>alert</script> https://evil.example"},
        {"citations":["FD101"],"text":"The cause is `asyncio.sleep(0.25)`."},
        {"citations":["T1"],"text":"First sentence."},
        {"citations":["T1"],"text":"The wait is a guess!"}]}"#;
    let (_replay, model) = serving(vec![says(&[wrong])]).await;
    let (explanation, events) = explained(model, Options::default()).await;
    assert_eq!(explanation.sentences.len(), 3);
    // It quotes T1, and so it is T1 that it cites.
    assert_eq!(explanation.sentences[2].citations, ["T1"]);
    let reasons: Vec<Reason> = explanation.dropped.iter().map(|dropped| dropped.reason).collect();
    assert_eq!(
        reasons,
        [
            Reason::UnknownCitation,
            Reason::NoCitation,
            Reason::QuoteNotFound,
            Reason::NumberNotFound,
            Reason::Contradicts,
            Reason::QuoteNotFound,
            Reason::SaysNothing
        ]
    );
    // Causes come from the findings, whatever the model names.
    assert_eq!(explanation.causes.len(), 1);
    assert_eq!(explanation.causes[0].cause.name(), "async-wait");
    let named: Vec<&Event> = events.iter().filter(|event| event.name() == "cause").collect();
    assert_eq!(named, [&Event::Cause { cause: explanation.causes[0].cause }]);
    let verdicts = events.iter().filter(|event| event.name() == "verification").count();
    assert_eq!(verdicts, 11);
}

#[tokio::test]
async fn too_little_is_asked_for_once_more() {
    let poor =
        r#"{"cause":"async-wait","sentences":[{"citations":["T1"],"text":"`flush()` is the cause."}]}"#;
    let (replay, model) = serving(vec![says(&[poor]), says(&[GOOD])]).await;
    let (explanation, _) = explained(model, Options::default()).await;
    assert_eq!((explanation.sentences.len(), explanation.dropped.len()), (2, 1));
    let asked = replay.asked();
    let (first, second) =
        (&asked[asked.len() - 2].body["messages"], &asked[asked.len() - 1].body["messages"]);
    // What was read before is not changed, only added to.
    assert_eq!(second.as_array().unwrap()[..2], first.as_array().unwrap()[..]);
    assert_eq!(second[2]["role"], "assistant");
    assert!(second[3]["content"].as_str().unwrap().contains("quote-not-found"));
    assert_eq!(explanation.usage.unwrap().prompt_tokens, Some(800));

    let (replay, model) = serving(vec![says(&[poor])]).await;
    let (explanation, _) = explained(model, Options { repair: false, ..Options::default() }).await;
    assert_eq!(replay.asked().iter().filter(|asked| asked.path == "/api/chat").count(), 1);
    assert!(explanation.note.unwrap().contains("nothing that the model said could be verified"));
    assert!(explanation.sentences.len() >= 7, "the evidence answers");
}

#[tokio::test]
async fn a_model_that_breaks_off_leaves_what_it_said() {
    let sentence = r#"{"cause":"async-wait","sentences":[{"citations":["T1"],"text":"`asyncio.sleep(0.25)` waits."},{"citations":["T1"],"text":"And th"#;
    let body = format!(
        "{}\n{}\n",
        json!({ "message": { "content": sentence } }),
        json!({ "error": "out of memory" })
    );
    let (_replay, model) =
        serving(vec![Play::Whole(response("200 OK", "application/x-ndjson", &body))]).await;
    let (explanation, events) = explained(model, Options::default()).await;
    assert_eq!(explanation.sentences[0].text, "`asyncio.sleep(0.25)` waits.");
    assert!(explanation.sentences.len() >= 7, "the evidence fills in");
    assert_eq!(explanation.sources.len(), 4);
    assert!(explanation.note.unwrap().contains("the answer broke off: out of memory"));
    let errors: Vec<_> = events.iter().filter(|event| event.name() == "error").collect();
    assert_eq!(errors, [&Event::Error { message: "the answer broke off: out of memory".to_string() }]);
}

#[tokio::test]
async fn whatever_a_server_does_there_is_an_answer() {
    let endless = "all work and no play ".repeat(4000);
    let looping = r#"{"citations":["T1"],"text":"It waits."},"#.repeat(300);
    let looping = format!(r#"{{"cause":"time","sentences":[{looping}"#);
    for (what, play, kept) in [
        ("nothing", says(&[]), 0),
        ("white space", says(&["  \n", " "]), 0),
        (
            "a page",
            says(&["<html><body><h1>It waits</h1> <a href='https://x.example'>[T1]</a></body></html>"]),
            0,
        ),
        ("no end", says(&[endless.as_str()]), 0),
        ("a loop", says(&[looping.as_str()]), 1),
        (
            "half an object",
            says(&["{\"cause\":\"time\",\"sentences\":[{\"citations\":[\"T1\"],\"text\":\"It wa"]),
            0,
        ),
        ("plain sentences", says(&["It waits [T1]. It waits for T42 [T1]. It ", "guesses [FD101]."]), 2),
        ("a refusal", says(&["I cannot help with that."]), 0),
        (
            "500",
            Play::Whole(response("500 Internal Server Error", "application/json", "{\"error\":\"bad\"}")),
            0,
        ),
        ("html", Play::Whole(response("502 Bad Gateway", "text/html", "<html>bad</html>")), 0),
        ("404", Play::Whole(recorded("chat-missing").bytes), 0),
        ("closed", Play::Whole(Vec::new()), 0),
        ("killed", Play::Whole(recorded("chat-runner-killed").bytes), 0),
        ("too long", Play::Whole(recorded("chat-cut-refused").bytes), 0),
    ] {
        let (_replay, model) = serving(vec![play]).await;
        let (explanation, events) = explained(model, Options { repair: false, ..Options::default() }).await;
        assert!(explanation.sentences.len() >= kept.max(1), "{what}: {explanation:#?}");
        assert_eq!(explanation.note.is_none(), kept > 0, "{what}: {:?}", explanation.note);
        let known = ["T1", "T2", "T3", "FD101"];
        for sentence in &explanation.sentences {
            assert!(sentence.citations.iter().all(|c| known.contains(&c.as_str())), "{what}: {sentence:?}");
            assert!(
                !sentence.text.contains(['<', '\u{1b}']) && !sentence.text.contains("://"),
                "{what}: {sentence:?}"
            );
        }
        let json = serde_json::to_string(&events).unwrap();
        assert!(json.len() < 200_000, "{what}: {}", json.len());
    }
}

#[tokio::test]
async fn one_token_a_minute_is_not_waited_for() {
    let bytes = response("200 OK", "application/x-ndjson", &lines(&["{"]));
    let one = bytes.windows(2).position(|two| two == b"}\n").unwrap() + 2;
    let patience = Patience { first: Duration::from_secs(30), between: Duration::from_millis(50) };
    let (_replay, model) = serving_for(vec![Play::Stall(bytes[..one].to_vec())], patience).await;
    let (explanation, _) = explained(model, Options::default()).await;
    assert!(explanation.note.unwrap().contains("the model said nothing for"), "silence is named");
    assert!(explanation.sentences.len() >= 7);
}

#[tokio::test]
async fn whoever_leaves_stops_the_model() {
    let bytes = response("200 OK", "application/x-ndjson", &lines(&["{\"sentences\":[{\"text\":\"It waits"]));
    let one = bytes.windows(2).position(|two| two == b"}\n").unwrap() + 2;
    let (replay, model) = serving(vec![Play::Stall(bytes[..one].to_vec())]).await;
    let mut stream =
        explain(samples::evidence(), model, Options { findings_first: false, ..Options::default() });
    while !matches!(stream.next().await, Some(Event::Token { .. })) {}
    drop(stream);
    replay.client_left().await;
}

#[tokio::test]
async fn a_conversation_goes_on() {
    let follow =
        r#"{"cause":"async-wait","sentences":[{"citations":["T4"],"text":"`r.ping()` needs no wait."}]}"#;
    let (replay, model) = serving(vec![says(&[GOOD]), says(&[follow])]).await;
    let question = "Which Redis tests sleep?".to_string();
    let first = samples::evidence().material();
    let (reply, _) =
        collect(chat::chat(Vec::new(), question.clone(), first.clone(), model.clone(), Options::default()))
            .await;
    let Finished::Reply(reply) = reply else { panic!("{reply:?}") };
    assert_eq!((reply.sentences.len(), reply.note), (2, None));
    assert_eq!(reply.said, GOOD);

    let mut found = evidence::Material::default();
    found.tests.push(samples::test(
        "tests/test_pipe.py::test_pipe",
        "def test_pipe(r):\n    assert r.ping()\n",
        Vec::new(),
    ));
    let history = vec![Turn { question: Some(question), material: first, answer: reply.said }];
    let (reply, _) =
        collect(chat::chat(history, "And without?".to_string(), found, model, Options::default())).await;
    let Finished::Reply(reply) = reply else { panic!("{reply:?}") };
    assert_eq!(reply.sentences[0].citations, ["T4"]);
    assert_eq!(reply.sources.len(), 5);
    let asked = replay.asked();
    let (one, two) = (&asked[asked.len() - 2].body["messages"], &asked[asked.len() - 1].body["messages"]);
    assert_eq!(two.as_array().unwrap()[..2], one.as_array().unwrap()[..]);
    assert_eq!(two[2]["content"], GOOD);
}

#[tokio::test]
async fn with_nothing_to_answer_from_no_model_is_asked() {
    let (replay, model) = serving(vec![says(&[GOOD])]).await;
    let stream = chat::chat(
        Vec::new(),
        "Who are you?".to_string(),
        evidence::Material::default(),
        model,
        Options::default(),
    );
    let (Finished::Reply(reply), _) = collect(stream).await else { panic!() };
    assert_eq!(reply.note.as_deref(), Some(chat::NOTHING));
    assert!(reply.sentences.is_empty());
    assert!(replay.asked().iter().all(|asked| asked.path != "/api/chat"));
}

/// The real model of `FLAKYDETECTOR_LLM_URL`; without one a line says that the test was skipped.
async fn real() -> Option<Arc<dyn ChatModel>> {
    let Ok(url) = std::env::var("FLAKYDETECTOR_LLM_URL") else {
        eprintln!("skipped: FLAKYDETECTOR_LLM_URL names no model server (make test starts one)");
        return None;
    };
    connect(&Settings { llm_url: Some(url), ..Settings::default() }).await.unwrap()
}

#[tokio::test]
async fn a_real_model_is_held_to_the_evidence() {
    let Some(model) = real().await else { return };
    let evidence = samples::evidence();
    let prompt = shown_prompt(&evidence, 700).unwrap();
    let (explanation, events) =
        explained(Some(model), Options { max_tokens: 120, repair: false, ..Options::default() }).await;
    // Nobody scripted this text: all that is known is that what is shown stands.
    let material = evidence.material();
    let ground = Ground::new(&material.sources(), &material.tests);
    assert!(!explanation.sentences.is_empty());
    for sentence in &explanation.sentences {
        assert_eq!(ground.check(sentence), Ok(()), "{sentence:?}");
    }
    for event in &events {
        if let Event::Citation { citations, .. } = event {
            assert!(citations.iter().all(|citation| prompt.references.contains(citation)), "{citations:?}");
        }
    }
    let usage = explanation.usage.unwrap();
    let read = usage.prompt_tokens.unwrap();
    // The estimate errs upwards, but not by more than the half.
    assert!(read <= prompt.tokens && prompt.tokens < 2 * read, "{read} read, {} estimated", prompt.tokens);
}

#[tokio::test]
async fn a_real_model_reads_only_what_a_later_question_brings() {
    let Some(model) = real().await else { return };
    let (mut found, mut history) = (samples::evidence().material(), vec![]);
    for question in ["Which tests sleep?", "And without Redis?", "Which of them first?"] {
        let options = Options { max_tokens: 60, ..Options::default() };
        let stream =
            chat::chat(history.clone(), question.to_string(), found.clone(), Some(model.clone()), options);
        let (Finished::Reply(reply), _) = collect(stream).await else { panic!() };
        let usage = reply.usage.unwrap();
        let read = usage.prompt_tokens.unwrap() - usage.cached_tokens.unwrap();
        assert!(history.is_empty() || read <= 150 + 20, "{question} {usage:?}");
        history.push(Turn {
            question: Some(question.to_string()),
            material: found.clone(),
            answer: reply.said,
        });
        let name = format!("tests/test_pipe.py::test_pipe_{}", history.len());
        found.tests.push(samples::test(&name, samples::LOCK, Vec::new()));
    }
}
