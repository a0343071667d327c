//! The whole program as a user meets it: one test binary, one file per subject.
#![allow(clippy::unwrap_used)]

#[path = "it/bad_input.rs"]
mod bad_input;
#[path = "it/fixes.rs"]
mod fixes;
#[path = "it/history.rs"]
mod history;
#[path = "it/hunt.rs"]
mod hunt;
#[path = "it/invariants.rs"]
mod invariants;
#[path = "it/mcp.rs"]
mod mcp;
#[path = "it/mended.rs"]
mod mended;
#[path = "it/pipeline.rs"]
mod pipeline;
#[path = "it/river.rs"]
mod river;
#[path = "it/robustness.rs"]
mod robustness;
#[path = "it/semantics.rs"]
mod semantics;
#[path = "it/service.rs"]
mod service;
#[path = "it/support.rs"]
mod support;
