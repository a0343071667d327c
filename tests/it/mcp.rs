//! `mcp` as an agent meets it: one line of JSON-RPC in, one out.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use super::support::Suite;

struct Agent {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    next: u64,
}

impl Agent {
    fn start(suite: &Suite) -> Agent {
        let mut command = suite.command(&["mcp", "--model", "none"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let mut agent = Agent { child, input, output, next: 0 };
        let hello = agent.ask(
            "initialize",
            json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "0" } }),
        );
        assert_eq!(hello["result"]["serverInfo"]["name"], "flakydetector");
        assert!(
            hello["result"]["capabilities"]["tools"].is_object()
                && hello["result"]["capabilities"]["resources"].is_object()
        );
        agent.say(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        agent
    }

    fn say(&mut self, message: &Value) {
        writeln!(self.input.as_mut().unwrap(), "{message}").unwrap();
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let id = self.next;
        self.say(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "it went away after {method}");
            let answer: Value = serde_json::from_str(&line).unwrap();
            if answer["id"] == id {
                return answer;
            }
        }
    }

    fn call(&mut self, tool: &str, arguments: Value) -> Value {
        self.ask("tools/call", json!({ "name": tool, "arguments": arguments }))
    }

    /// The structured answer of a call that has to succeed; its text says the same.
    fn answer(&mut self, tool: &str, arguments: Value) -> Value {
        let whole = self.call(tool, arguments);
        assert_ne!(whole["result"]["isError"], true, "{whole}");
        let answer = whole["result"]["structuredContent"].clone();
        let text: Value =
            serde_json::from_str(whole["result"]["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(text, answer);
        answer
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_agent_finds_explains_and_mends() {
    let suite = Suite::new();
    assert!(suite.run(&["index", ".", "--repo", "acme/shop"]).status.success());
    let mut agent = Agent::start(&suite);
    let tools = agent.ask("tools/list", json!({}));
    let names: Vec<_> = tools["result"]["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["scan", "search", "similar", "explain", "fix", "patterns", "rule"]);
    for tool in tools["result"]["tools"].as_array().unwrap() {
        assert_eq!(tool["inputSchema"]["type"], "object");
        assert_eq!(tool["annotations"]["readOnlyHint"], true);
    }

    let scan = agent.answer("scan", json!({ "limit": 2 }));
    assert_eq!(scan["tests"].as_array().unwrap().len(), 2);
    assert!(scan["summary"]["tests_with_findings"].as_u64().unwrap() > 2);
    assert!(
        scan["tests"][0].get("features").is_none() && scan["tests"][0]["findings"][0]["help"].is_string()
    );
    let found = agent.answer("search", json!({ "query": "async redis flakes", "limit": 3 }));
    let best = found["hits"][0]["id"].as_str().unwrap().to_owned();
    assert!(best.contains("test_expiry.py"), "{best}");
    assert!(!agent.answer("similar", json!({ "test": best }))["hits"].as_array().unwrap().is_empty());
    let explained = agent.answer("explain", json!({ "test": best }));
    assert!(
        explained["sentences"]
            .as_array()
            .unwrap()
            .iter()
            .all(|said| !said["citations"].as_array().unwrap().is_empty())
    );
    assert!(agent.answer("patterns", json!({}))["tests"].as_u64().unwrap() > 0);
    assert_eq!(agent.answer("rule", json!({ "rule": "sleep-as-synchronization" }))["code"], "FD101");

    // between two calls nobody holds the store
    assert!(suite.run(&["search", "redis"]).status.success());

    let rules = agent.ask("resources/list", json!({}));
    let uri = rules["result"]["resources"][0]["uri"].as_str().unwrap().to_owned();
    let rule = agent.ask("resources/read", json!({ "uri": uri }));
    assert!(rule["result"]["contents"][0]["text"].as_str().unwrap().starts_with("# FD101"), "{rule}");
    let test = agent.ask("resources/read", json!({ "uri": format!("flaky://tests/{best}") }));
    assert!(test["result"]["contents"][0]["text"].as_str().unwrap().contains("\"source\""), "{test}");
}

#[test]
fn mistakes_of_an_agent_are_told() {
    let suite = Suite::empty();
    suite.file("pytest.ini", "[pytest]\n");
    suite.file(
        "test_a.py",
        "import os\n\n\ndef test_names(out):\n    assert os.listdir(out) == [\"a\", \"b\"]\n",
    );
    let mut agent = Agent::start(&suite);
    let said =
        |answer: &Value| answer["result"]["content"][0]["text"].as_str().unwrap_or_default().to_owned();
    // without an index what needs none works
    let fix = agent.answer("fix", json!({ "test": "test_a.py::test_names" }));
    assert_eq!((&fix["fix"]["origin"], &fix["fix"]["verified"]), (&"rule".into(), &true.into()));
    let search = agent.call("search", json!({ "query": "redis" }));
    assert_eq!(search["result"]["isError"], true);
    assert!(said(&search).contains("flakydetector index"), "{search}");
    let scan = agent.call("scan", json!({ "paths": ["/nowhere"] }));
    assert!(said(&scan).contains("/nowhere"), "{scan}");
    for (tool, arguments) in [
        ("nothing", json!({})),
        ("search", json!({})),
        ("search", json!({ "query": 1 })),
        ("scan", json!({ "path": "x" })),
    ] {
        let answer = agent.call(tool, arguments);
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
    }
    let missing = agent.ask("resources/read", json!({ "uri": "flaky://rules/FD999" }));
    assert!(missing["error"]["message"].as_str().unwrap().contains("FD999"), "{missing}");
    // the other side leaves, and so does this
    drop(agent.input.take());
    assert!(agent.child.wait().unwrap().success());
}
