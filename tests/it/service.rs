//! The HTTP service, in its own process on loopback.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use super::support::Suite;

struct Server {
    child: Child,
    address: String,
    // the store lies in it
    _suite: Suite,
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{} {}", self.status, self.body))
    }
}

impl Server {
    fn start() -> Server {
        let suite = Suite::new();
        assert!(suite.run(&["index", ".", "--repo", "acme/shop"]).status.success());
        let mut child = suite
            .command(&["serve", "--port", "0", "--model", "none"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line
            .split("http://")
            .nth(1)
            .and_then(|rest| rest.split(' ').next())
            .unwrap_or_else(|| panic!("{line}"));
        Server { address: address.to_owned(), child, _suite: suite }
    }

    /// One request with HTTP/1.0, so that the answer ends with the connection.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>, headers: &[&str]) -> Answer {
        let body = body.map(Value::to_string).unwrap_or_default();
        self.send(method, path, "application/json", &body, headers)
    }

    fn ask_with(&self, path: &str, xml: &str) -> Answer {
        self.send("POST", path, "application/xml", xml, &[])
    }

    fn send(&self, method: &str, path: &str, kind: &str, body: &str, headers: &[&str]) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let extra: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        let host = if extra.to_lowercase().contains("host:") {
            String::new()
        } else {
            format!("Host: {}\r\n", self.address)
        };
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\n{host}Content-Type: {kind}\r\nContent-Length: {}\r\n{extra}\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None, &[])
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, Some(body), &[])
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Events of a stream in their order.
fn events(body: &str) -> Vec<(String, Value)> {
    body.split("\n\n")
        .filter_map(|block| {
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
            Some((field("event: ")?.to_owned(), serde_json::from_str(field("data: ")?).ok()?))
        })
        .collect()
}

#[test]
fn the_api_answers_as_described() {
    let server = Server::start();
    let found =
        server.post("/api/v1/search", &json!({"query": "similar async Redis flakes", "limit": 3})).json();
    assert_eq!(found["facets"]["async"], true);
    assert_eq!(found["hits"].as_array().unwrap().len(), 3);
    let none = json!({"query": "flakes", "filters": {"causes": ["time"], "repos": ["other/repo"]}});
    assert_eq!(server.post("/api/v1/search", &none).json()["hits"], json!([]));

    let first = server.get("/api/v1/tests?limit=8").json();
    let second = server
        .get(&format!("/api/v1/tests?limit=8&cursor={}", first["next_cursor"].as_str().unwrap()))
        .json();
    assert_eq!(first["tests"].as_array().unwrap().len() + second["tests"].as_array().unwrap().len(), 12);
    assert_eq!(second["next_cursor"], Value::Null);
    let filtered = server.get("/api/v1/tests?cause=shared-state,async-wait&team=acme/storage").json();
    assert!(
        filtered["tests"].as_array().unwrap().iter().all(|test| test["teams"] == json!(["acme/storage"]))
    );

    let id = "tests%2Fcache%2Ftest_expiry.py%3A%3ATestExpiry%3A%3Atest_key_expires";
    let test = server.get(&format!("/api/v1/tests/{id}")).json();
    assert!(test["source"].as_str().unwrap().starts_with("    async def test_key_expires"));
    let like = server.get(&format!("/api/v1/tests/{id}/similar?repo=acme/shop&limit=2")).json();
    assert_eq!(like["hits"].as_array().unwrap().len(), 2);

    let answer = server.post(&format!("/api/v1/tests/{id}/explanation"), &json!({}));
    assert!(answer.head.contains("text/event-stream"), "{}", answer.head);
    let events = events(&answer.body);
    assert_eq!(events.first().map(|(name, _)| name.as_str()), Some("retrieval"));
    let (last, done) = events.last().unwrap();
    assert_eq!(last, "done");
    assert!(!done["sentences"].as_array().unwrap().is_empty());
    assert!(events.iter().any(|(name, data)| name == "verification" && data["kept"] == true));

    let patterns = server.get("/api/v1/patterns").json();
    assert_eq!(patterns["tests"], 12);
    assert_eq!(server.get("/api/v1/teams").json()["teams"], json!(["acme/platform", "acme/storage"]));
    assert!(
        server.get("/api/v1/rules/FD101").json()["markdown"].as_str().unwrap().contains("## Use instead")
    );

    let scanned = server.post(
        "/api/v1/scan",
        &json!({"source": "import time\n\ndef test_a():\n    time.sleep(1)\n    assert work()\n"}),
    );
    assert_eq!(scanned.json()["tests"][0]["findings"][0]["code"], "FD101");

    let chat = server.post("/api/v1/chat", &json!({"question": "which Redis tests sleep?"}));
    let chat = self::events(&chat.body);
    assert!(
        chat.last()
            .is_some_and(|(name, data)| name == "done" && !data["sources"].as_array().unwrap().is_empty())
    );
}

#[test]
fn a_job_indexes_in_the_background() {
    let server = Server::start();
    let root = Suite::new();
    root.file("tests/test_more.py", "def test_more():\n    assert True\n");
    let job = server.post("/api/v1/index", &json!({"paths": [root.path()], "repo": "acme/more"}));
    assert_eq!(job.status, 202);
    let id = job.json()["id"].as_u64().unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(120);
    loop {
        let job = server.get(&format!("/api/v1/jobs/{id}")).json();
        if job["state"] == "done" {
            assert_eq!(job["report"]["added"], 13);
            break;
        }
        assert_eq!(job["state"], "running", "{job}");
        assert!(std::time::Instant::now() < deadline, "{job}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let id = "tests%2Funit%2Ftest_settings.py%3A%3Atest_addition";
    let both = server.get(&format!("/api/v1/tests/{id}"));
    assert_eq!(both.status, 409, "two repositories have it");
    assert_eq!(server.get(&format!("/api/v1/tests/{id}?repo=acme/more")).status, 200);
}

#[test]
fn outcomes_of_runs_reach_the_stored_tests() {
    let server = Server::start();
    let id = "tests%2Funit%2Ftest_settings.py%3A%3Atest_addition";
    let report = |second: u32, failure: &str| {
        format!(
            "<testsuite timestamp='2026-11-20T10:00:0{second}Z'><testcase classname='tests.unit.test_settings' \
             name='test_addition'>{failure}</testcase></testsuite>"
        )
    };
    let send = |report: &str| server.ask_with("/api/v1/history?repo=acme%2Fshop&commit=c1", report);
    assert_eq!(send(&report(1, "")).json()["newly_flaky"], json!([]));
    let second = send(&report(2, "<failure message='late by 3 s'/>")).json();
    assert_eq!(second["newly_flaky"], json!(["tests/unit/test_settings.py::test_addition"]));
    assert_eq!(send(&report(2, "<failure message='late by 3 s'/>")).json()["known"], 1);
    let test = server.get(&format!("/api/v1/tests/{id}")).json();
    assert_eq!((&test["outcomes"]["verdict"], &test["outcomes"]["runs"]), (&json!("flaky"), &json!(2)));
    let why = server.get(&format!("/api/v1/tests/{id}/risk")).json();
    assert_eq!(why["outcomes"]["messages"][0]["text"], "late by # s");
    assert!(why["groups"].is_array() && why["meaning"].as_str().unwrap().contains("order"), "{why}");
    let found = server.post("/api/v1/search", &json!({"query": "known flaky tests"})).json();
    assert_eq!(found["hits"][0]["id"], "tests/unit/test_settings.py::test_addition");
    assert!(found["hits"][0]["why"].to_string().contains("failed in 1 of 2 runs"), "{found}");
    let explained = server.post(&format!("/api/v1/tests/{id}/explanation"), &json!({}));
    let (_, done) = events(&explained.body).pop().unwrap();
    let cites = |sentence: &Value| sentence["citations"] == json!(["H1"]);
    assert!(done["sentences"].as_array().unwrap().iter().any(cites), "{done}");
    assert_eq!(server.ask_with("/api/v1/history?repo=no%2Fsuch", &report(1, "")).status, 404);
    assert_eq!(send("<html/>").status, 400);
    assert_eq!(server.ask_with("/api/v1/history", &report(1, "")).status, 400);
}

#[test]
fn patches_are_checked() {
    let server = Server::start();
    let before = "import os\n\n\ndef test_names(out):\n    assert os.listdir(out) == [\"a\", \"b\"]\n";
    let diff = "--- a/test_a.py\n+++ b/test_a.py\n@@ -4,2 +4,2 @@\n def test_names(out):\n-    assert os.listdir(out) == [\"a\", \"b\"]\n+    assert sorted(os.listdir(out)) == [\"a\", \"b\"]\n";
    let test = "test_a.py::test_names";
    let good = server
        .post("/api/v1/fixes/verify", &serde_json::json!({"test": test, "before": before, "diff": diff}));
    assert_eq!(good.status, 200, "{}", good.body);
    let verdict = good.json();
    assert_eq!(
        (&verdict["verified"], &verdict["findings_after"]),
        (&true.into(), &serde_json::json!([])),
        "{verdict}"
    );
    let bad = before.replace("assert os.listdir(out) == [\"a\", \"b\"]", "assert True");
    let bad = server
        .post("/api/v1/fixes/verify", &serde_json::json!({"test": test, "before": before, "after": bad}));
    assert_eq!(bad.json()["verified"], false);
    assert!(bad.json()["reason"].as_str().unwrap().contains("is lost"), "{}", bad.body);
    for body in [
        serde_json::json!({"test": test, "before": before}),
        serde_json::json!({"test": test, "after": before}),
        serde_json::json!({"test": test, "before": before, "diff": "nonsense"}),
        serde_json::json!({"test": test, "before": "x = 1\n", "diff": diff}),
        serde_json::json!({"test": "nothing", "before": before, "after": before}),
        serde_json::json!({"test": test, "path": "/nowhere", "after": before}),
    ] {
        assert_eq!(server.post("/api/v1/fixes/verify", &body).status, 400, "{body}");
    }
    // no file outside the project is read and shown
    let around = tempfile::tempdir().unwrap();
    let project = around.path().join("project");
    std::fs::create_dir(&project).unwrap();
    std::fs::write(project.join("pytest.ini"), "[pytest]\n").unwrap();
    std::fs::write(around.path().join("secret.py"), "KEY = 1\n").unwrap();
    for file in ["../secret.py", "/etc/passwd"] {
        let body = serde_json::json!({"test": test, "file": file, "path": project, "after": before});
        let answer = server.post("/api/v1/fixes/verify", &body);
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert!(answer.body.contains("outside the project"), "{}", answer.body);
    }
}

#[test]
fn a_fix_is_proposed_for_a_stored_test() {
    let server = Server::start();
    let id = "tests%2Funit%2Ftest_settings.py%3A%3ASettingsTest%3A%3Atest_registers";
    let answer = server.post(&format!("/api/v1/tests/{id}/fix?repo=acme/shop"), &json!({}));
    assert_eq!(answer.status, 200, "{}", answer.body);
    let known = server.get("/api/v1/tests?limit=50").json();
    let mut proposed = 0;
    for test in known["tests"].as_array().unwrap() {
        let id = test["id"].as_str().unwrap().replace('/', "%2F").replace(':', "%3A");
        let answer = server.post(&format!("/api/v1/tests/{id}/fix"), &json!({})).json();
        match answer["fix"].as_object() {
            Some(fix) => {
                assert_eq!(fix["origin"], "rule", "{answer}");
                assert!(fix["diff"].as_str().unwrap().starts_with("--- a/tests/"), "{answer}");
                proposed += 1;
            }
            None => assert!(!answer["fix_note"].as_str().unwrap().is_empty(), "{answer}"),
        }
    }
    assert!(proposed > 0, "{known}");
    assert_eq!(server.post("/api/v1/tests/none.py%3A%3Atest_x/fix", &json!({})).status, 404);
}

#[test]
fn mistakes_are_problems() {
    let server = Server::start();
    for (answer, status) in [
        (server.post("/api/v1/search", &json!({"query": " "})), 400),
        (server.post("/api/v1/search", &json!({"query": "a", "limit": 0})), 400),
        (server.post("/api/v1/search", &json!({"query": "a".repeat(100_000)})), 400),
        (server.post("/api/v1/search", &json!({"question": "a"})), 422),
        (server.get("/api/v1/tests?cause=gremlins"), 400),
        (server.get("/api/v1/tests?cursor=gremlins"), 400),
        (server.get("/api/v1/tests/nowhere"), 404),
        (server.get("/api/v1/jobs/99"), 404),
        (server.get("/api/v1/nowhere"), 404),
        (server.post("/api/v1/scan", &json!({})), 400),
        (server.post("/api/v1/index", &json!({"paths": ["/nowhere"]})), 400),
        (server.ask("GET", "/api/v1/teams", None, &["Origin: https://example.org"]), 403),
        (server.ask("GET", "/api/v1/teams", None, &["Host: evil.example.org"]), 403),
    ] {
        assert_eq!(answer.status, status, "{}", answer.body);
        assert!(answer.head.contains("application/problem+json"), "{}", answer.head);
        assert!(answer.json()["detail"].as_str().is_some_and(|detail| detail.len() > 10));
    }
}

#[test]
fn the_page_the_description_and_the_signs_of_life() {
    let server = Server::start();
    let api = server.get("/api/openapi.json").json();
    assert!(api["openapi"].as_str().unwrap().starts_with("3.1"));
    for path in [
        "/search",
        "/scan",
        "/index",
        "/chat",
        "/patterns",
        "/teams",
        "/history",
        "/tests",
        "/tests/{id}/explanation",
    ] {
        assert!(api["paths"].get(format!("/api/v1{path}")).is_some(), "{path} is not described");
    }
    assert_eq!(server.get("/healthz").status, 200);
    assert_eq!(server.get("/readyz").status, 200);
    assert!(server.get("/metrics").body.contains("flakydetector_tests 12"));
    let page = server.get("/");
    assert!(page.status == 200 && page.head.contains("text/html"), "build the page first: scripts/web.sh");
}
