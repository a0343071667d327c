//! The house rules that no compiler checks, read from the source.

use std::path::{Path, PathBuf};

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pending = vec![root.join("src")];
    let mut out = vec![];
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                out.push((path.strip_prefix(root).unwrap().to_owned(), text));
            }
        }
    }
    assert!(out.len() > 50);
    out
}

/// Whether a line of code (no comment) names the crate.
fn names(text: &str, library: &str) -> bool {
    text.lines().map(str::trim_start).filter(|line| !line.starts_with("//")).any(|line| {
        line.match_indices(library).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            line[at + library.len()..].starts_with("::")
                && !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
        })
    })
}

#[test]
fn each_library_is_named_in_its_adapter_only() {
    let homes = [
        ("qdrant_client", "src/index/qdrant"),
        ("qdrant_edge", "src/index/edge"),
        ("fastembed", "src/index/embedder"),
        ("prost", "src/index/embedder"),
        ("ort", "src/index/embedder"),
        ("xgboost_rs", "src/risk/model"),
        ("ollama_rs", "src/explain/ollama"),
        ("axum", "src/http/"),
        ("rmcp", "src/mcp/"),
        ("tree_sitter", "src/python/"),
        ("clap", "src/cli/"),
    ];
    for (library, home) in homes {
        let mut found = false;
        for (path, text) in sources() {
            if names(&text, library) {
                found = true;
                assert!(path.to_str().unwrap().starts_with(home), "{library} is named in {}", path.display());
            }
        }
        assert!(found, "{library} is named nowhere");
    }
}

#[test]
fn nothing_downstream_is_imported_upstream() {
    let river = ["python", "effects", "smells", "risk", "index", "search", "explain"];
    for (path, text) in sources() {
        let step = path.iter().nth(1).unwrap().to_str().unwrap().to_owned();
        let Some(place) = river.iter().position(|known| *known == step) else { continue };
        for later in &river[place + 1..] {
            assert!(!names(&text, &format!("crate::{later}")), "{} knows {later}", path.display());
        }
        for surface in ["scan", "ask", "cli", "http", "report"] {
            assert!(!names(&text, &format!("crate::{surface}")), "{} knows {surface}", path.display());
        }
    }
}

#[test]
fn only_the_hunt_starts_processes_of_the_user_and_it_knows_no_store() {
    for (path, text) in sources() {
        let home = path.starts_with("src/hunt");
        if home {
            for stranger in ["index", "search", "explain", "cli", "http", "report", "observe"] {
                assert!(!names(&text, &format!("crate::{stranger}")), "{} knows {stranger}", path.display());
            }
        }
        let starts = text.contains("Command::new(") && !text.contains("Command::new(\"git\")");
        assert!(home || !starts, "{} starts a process", path.display());
    }
}

#[test]
fn every_module_says_why_it_exists() {
    for (path, text) in sources() {
        assert!(text.starts_with("//!"), "{} has no head", path.display());
    }
}

#[test]
fn files_stay_short() {
    let mut lengths: Vec<(usize, PathBuf)> =
        sources().into_iter().map(|(path, text)| (text.lines().count(), path)).collect();
    lengths.sort();
    let median = lengths[lengths.len() / 2].0;
    let p90 = lengths[lengths.len() * 9 / 10].0;
    assert!(median <= 160, "the median file has {median} lines");
    assert!(p90 <= 450, "a tenth of the files has more than {p90} lines");
}
