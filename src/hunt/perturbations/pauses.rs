//! A slow machine: pauses before the lines that findings name, before threads and child processes go on, and in the
//! event loop. What fails with them is real, since any machine may make them.

use serde_json::{Value, json};

use super::{About, Change, Perturbation, found, has};
use crate::smells::{Cause, Finding};

const SLOW: [Cause; 4] = [Cause::AsyncWait, Cause::Concurrency, Cause::Time, Cause::Resources];
/// Pauses in seconds, by turns.
const LENGTHS: [f64; 2] = [0.3, 1.0];
/// Every turn of a slow loop waits for so many seconds, until so many are used up, by turns: what waits until nothing is
/// left to do may take it for that, or give up.
const SLOW_TURNS: [(f64, f64); 4] = [(0.03, 3.0), (0.03, 10.0), (0.1, 10.0), (0.01, 10.0)];
/// A line of a slow thread waits for so much of a pause, by turns of two rounds: one that runs few lines has to wait
/// longer at each.
const SLOW_LINES: [f64; 3] = [0.01, 0.1, 1.0];
/// From this round on what no code speaks for may be so all the same.
const ANYWAY: u64 = 2;

pub(super) const PAUSES: Perturbation = Perturbation {
    name: "pauses",
    shows: &[Cause::AsyncWait, Cause::Concurrency, Cause::Time],
    suits: |test| {
        found(test, &SLOW)
            || has(test, &["sleeps", "timeouts", "spawned", "processes", "clock_reads", "awaits"])
    },
    general: false,
    chance: true,
    changes,
};

fn changes(about: &About<'_>) -> Vec<Change> {
    let file = &about.test.file;
    let slow = |finding: &&Finding| SLOW.contains(&finding.cause);
    let mut lines: Vec<u32> = about.test.findings.iter().filter(slow).map(|finding| finding.line).collect();
    // the line after a finding is where what was waited for is looked at
    lines.extend(lines.clone().iter().map(|line| line + 1));
    lines.sort_unstable();
    lines.dedup();
    let mut out = vec![];
    let seconds = LENGTHS[about.round as usize % LENGTHS.len()];
    let quiet = |mut value: Value| {
        value["seconds"] = json!(0.0);
        value
    };
    let mut add = |name: &str, value: Value| {
        let control = Some(quiet(value.clone()));
        let milliseconds = (value["seconds"].as_f64().unwrap_or(0.0) * 1000.0).round();
        let name = format!("pauses:{name}:{}s", milliseconds / 1000.0);
        out.push(Change::inside(name, "pauses", value, control));
    };
    let seed = about.seed;
    let anyway = about.round >= ANYWAY;
    let threads = anyway || has(about.test, &["spawned"]) || found(about.test, &[Cause::Concurrency]);
    if !lines.is_empty() {
        let places: Vec<Value> = lines.iter().map(|line| json!([file, line])).collect();
        add("at-findings", json!({ "lines": places, "seconds": seconds }));
    }
    if threads {
        add("threads", json!({ "threads": true, "seconds": seconds, "seed": seed }));
        add("other-threads", json!({ "others": true, "seconds": seconds, "seed": seed }));
    }
    if has(about.test, &["processes"]) {
        add("children", json!({ "children": true, "seconds": seconds, "seed": seed }));
    }
    if about.test.is_async || threads {
        add("event-loop", json!({ "loop": true, "seconds": seconds, "seed": seed }));
        let (turn, whole) = SLOW_TURNS[about.round as usize % SLOW_TURNS.len()];
        add("slow-loop", json!({ "slow": "loop", "seconds": turn, "whole": whole }));
    }
    let slow = seconds * SLOW_LINES[about.round as usize / LENGTHS.len() % SLOW_LINES.len()];
    for who in ["others", "main", "all"] {
        add(&format!("slow-{who}"), json!({ "slow": who, "seconds": slow }));
    }
    add("between-lines", json!({ "files": [file], "seconds": seconds / 3.0, "seed": seed }));
    add("in-code", json!({ "code": true, "seconds": seconds / 2.0, "seed": seed }));
    if threads {
        let steps = json!({ "files": [file], "steps": true, "seconds": seconds / 10.0, "seed": seed });
        add("between-steps", steps);
    }
    out
}
