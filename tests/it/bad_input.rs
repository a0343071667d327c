//! Wrong input gets one clear message that says what to do, exit code 2 or an entry under `errors`, and the rest
//! is done.

use std::os::unix::fs::PermissionsExt;

use super::support::{Suite, text};

/// Runs a command that has to fail with exit code 2 and one line, which holds all of `words`.
fn fails(suite: &Suite, arguments: &[&str], words: &[&str]) {
    let output = suite.run(arguments);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
    let lines: Vec<_> = message.lines().filter(|line| line.starts_with("flakydetector: ")).collect();
    assert_eq!(lines.len(), 1, "{message}");
    for word in words {
        assert!(lines[0].contains(word), "'{word}' is missing in: {message}");
    }
    assert!(!message.contains("panicked"), "{message}");
}

#[test]
fn paths_that_cannot_be_used() {
    let suite = Suite::new();
    fails(&suite, &["scan", "nowhere"], &["no file or folder 'nowhere'", "check the path"]);
    fails(&suite, &["index", "nowhere"], &["no file or folder 'nowhere'"]);
    suite.file("empty/readme.txt", "nothing here");
    fails(&suite, &["scan", "empty"], &["no tests under empty", "test_*.py"]);
    suite.file("data.txt", "not python");
    fails(&suite, &["scan", "data.txt"], &["not a Python file"]);
}

#[test]
fn a_file_that_cannot_be_read_is_listed_and_the_rest_is_done() {
    let suite = Suite::new();
    let secret = suite.file("tests/test_secret.py", "def test_a(): pass\n");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o000)).unwrap();
    let scan = suite.json(&["scan", ".", "--format", "json"]);
    let is_root = std::fs::read(&secret).is_ok();
    if is_root {
        eprintln!("skipped: root reads everything");
    } else {
        assert!(scan["errors"][0]["message"].as_str().unwrap().contains("permissions"));
    }
    assert!(scan["summary"]["tests"].as_u64().unwrap() >= 12);
}

#[test]
fn files_that_are_not_python_text() {
    let suite = Suite::new();
    suite.file(
        "tests/test_broken.py",
        "def test_before():\n    pass\n\ndef test_(:\n\ndef test_after():\n    pass\n",
    );
    suite.file("tests/test_latin.py", b"def test_umlaut():\n    assert '\xe4'\n");
    suite.file("tests/test_coded.py", b"# -*- coding: latin-1 -*-\ndef test_coded():\n    assert '\xe4'\n");
    suite.file("tests/test_binary.py", b"\x7fELF\x00\x01\x02");
    let scan = suite.json(&["scan", ".", "--format", "json"]);
    let error = |file: &str| {
        let errors = scan["errors"].as_array().unwrap();
        errors
            .iter()
            .find(|error| error["file"] == file)
            .unwrap_or_else(|| panic!("no error for {file}: {errors:?}"))
            .clone()
    };
    assert_eq!(error("tests/test_broken.py")["line"], 4);
    assert!(error("tests/test_latin.py")["message"].as_str().unwrap().contains("not UTF-8 (line 2)"));
    assert!(error("tests/test_binary.py")["message"].as_str().unwrap().contains("null bytes"));
    let ids: Vec<_> =
        scan["tests"].as_array().unwrap().iter().map(|test| test["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&"tests/test_broken.py::test_before"), "{ids:?}");
    assert!(ids.contains(&"tests/test_coded.py::test_coded"), "{ids:?}");
    assert_eq!(ids.len(), 12 + ids.iter().filter(|id| id.contains("broken") || id.contains("coded")).count());
}

#[test]
fn a_file_of_fifty_thousand_lines() {
    let suite = Suite::new();
    let test = |number: usize| format!("def test_{number}():\n    value = {number}\n    assert value\n\n\n");
    suite.file("tests/test_long.py", (0..10_000).map(test).collect::<String>());
    let scan = suite.json(&["scan", "tests/test_long.py", "--format", "json"]);
    assert_eq!(scan["summary"]["tests"], 10_000);
}

#[test]
fn deep_and_wide_input_is_harmless() {
    let suite = Suite::new();
    suite.file(
        "tests/test_deep.py",
        format!("def test_deep():\n    x = {}{}\n", "[".repeat(10_000), "]".repeat(10_000)),
    );
    suite.file("tests/test_wide.py", format!("def test_wide():\n    x = '{}'\n", "a".repeat(1 << 20)));
    suite.file(
        "tests/test_crlf.py",
        "\u{feff}import time\r\n\r\ndef test_crlf():\r\n\ttime.sleep(1)\r\n\tassert work()\r\n\x0c\r\n",
    );
    std::os::unix::fs::symlink(suite.path().join("tests"), suite.path().join("tests/loop")).unwrap();
    let scan = suite.json(&["scan", ".", "--format", "json"]);
    assert_eq!(scan["summary"]["tests"], 15);
    let crlf = scan["tests"]
        .as_array()
        .unwrap()
        .iter()
        .find(|test| test["id"] == "tests/test_crlf.py::test_crlf")
        .unwrap();
    assert_eq!(crlf["findings"][0]["line"], 4);
}

#[test]
fn standard_input() {
    let suite = Suite::new();
    let mut command = suite.command(&["scan", "-", "--format", "json"]);
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let source = "import time\n\ndef test_a():\n    time.sleep(1)\n    assert work()\n";
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), source.as_bytes()).unwrap();
    let scan: serde_json::Value = serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(scan["tests"][0]["findings"][0]["code"], "FD101");
}

#[test]
fn a_store_that_is_not_there_or_held() {
    let suite = Suite::new();
    fails(&suite, &["search", "redis"], &["there is no index at", "flakydetector index"]);
    assert!(suite.run(&["index", "."]).status.success());
    let mut server = suite
        .command(&["serve", "--port", "0", "--model", "none"])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(server.stderr.as_mut().unwrap()), &mut first)
        .unwrap();
    assert!(first.contains("serving"), "{first}");
    // other commands go through the process that serves
    let found = suite.json(&["search", "redis", "--format", "json"]);
    assert!(!found["hits"].as_array().unwrap().is_empty());
    suite.file("tests/test_late.py", "def test_late():\n    assert True\n");
    let indexed = suite.run(&["index", "."]);
    assert!(indexed.status.success(), "{indexed:?}");
    let said = String::from_utf8_lossy(&indexed.stderr);
    assert!(said.contains("serving at") && said.contains("1 added"), "{said}");
    let again = suite.run(&["index", "."]);
    let said = String::from_utf8_lossy(&again.stderr);
    assert!(!said.contains("scanned") && said.contains("0 added, 0 updated"), "nothing changed: {said}");
    fails(
        &suite,
        &["index", ".", "--rebuild"],
        &["in use by another process", &server.id().to_string(), "--store"],
    );
    server.kill().unwrap();
    server.wait().unwrap();
    let answer = suite.json(&["search", "redis", "--format", "json"]);
    assert!(!answer["hits"].as_array().unwrap().is_empty(), "what was indexed is still there");
}

#[test]
fn models_that_do_not_fit() {
    let suite = Suite::new();
    fails(
        &suite,
        &["scan", ".", "--risk-model", "nowhere.json"],
        &["nowhere.json cannot be read", "--risk-model"],
    );
    suite.file("old.json", r#"{"feature_schema": "fd41-0"}"#);
    fails(&suite, &["scan", ".", "--risk-model", "old.json"], &["'fd41-0'", "flakydetector train"]);
    suite.file("broken.json", "{");
    fails(&suite, &["scan", ".", "--risk-model", "broken.json"], &["broken", "flakydetector train"]);
}

#[test]
fn an_embedding_model_that_is_missing_or_wrong() {
    let suite = Suite::new();
    let index = |models: &std::path::Path| {
        let output = suite.command(&["index", "."]).env("FLAKYDETECTOR_MODELS", models).output().unwrap();
        (output.status.code(), text(&output.stderr))
    };
    let (code, message) = index(&suite.path().join("no-models"));
    assert_eq!(code, Some(2));
    assert!(message.contains("is missing") && message.contains("make setup"), "{message}");
    let folder = suite.path().join("models/all-MiniLM-L6-v2-int8");
    suite.file("models/all-MiniLM-L6-v2-int8/model.onnx", "no model at all");
    for name in ["tokenizer.json", "config.json", "special_tokens_map.json", "tokenizer_config.json"] {
        std::fs::write(folder.join(name), "{}").unwrap();
    }
    let (code, message) = index(&suite.path().join("models"));
    assert_eq!(code, Some(2));
    assert!(message.contains("not the file that was pinned") && message.contains("make setup"), "{message}");
}

#[test]
fn servers_that_do_not_answer() {
    let suite = Suite::new();
    let qdrant = "http://127.0.0.1:9";
    fails(&suite, &["index", ".", "--qdrant-url", qdrant], &["cannot reach Qdrant", "--qdrant-url"]);
    assert!(suite.run(&["index", "."]).status.success());
    let test = "test_key_expires";
    fails(&suite, &["explain", test, "--model", "qwen:7b"], &["no model server answers", "OLLAMA_HOST"]);
    fails(&suite, &["explain", test, "--llm-url", "http://127.0.0.1:9/v1"], &["no model server answers"]);
    fails(&suite, &["explain", "test_nowhere"], &["no indexed test is called 'test_nowhere'"]);
}

#[test]
fn words_that_mean_nothing() {
    let suite = Suite::new();
    fails(&suite, &["rule", "FD999"], &["no rule is called 'FD999'", "rule --all"]);
    fails(&suite, &["scan", ".", "--select", "XX"], &["no rule is called 'XX'"]);
    fails(&suite, &["search", "  "], &["the query is empty"]);
    assert_eq!(suite.run(&["search", "redis", "--limit", "0"]).status.code(), Some(2));
    assert_eq!(suite.run(&["search", "redis", "--cause", "gremlins"]).status.code(), Some(2));
    suite.file("flakydetector.toml", "stoer = 1\n");
    fails(&suite, &["search", "redis"], &["flakydetector.toml", "stoer"]);
}
