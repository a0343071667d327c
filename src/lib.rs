//! FlakyDetector finds Python tests that are likely to be unstable, remembers them, and explains them.
//!
//! ```text
//!  files ─▶ TestCase ─▶ Finding ─▶ Features ─▶ Assessment ─▶ IndexedTest ─▶ Hit ─▶ Answer
//!  source   python      smells     risk        risk          index          search  explain
//! ```
//!
//! Data flows one way, one folder a step. [`scan`] is the first half of the river in one call, [`ask`] the second,
//! [`propose`] mends a test with both;
//! [`observe`] brings in what runs showed; [`baseline`] takes out what a team accepted; [`cli`], [`http`] and [`mcp`] only call, [`report`] writes what people and programs read, [`patterns`] counts what repeats.
//! Which libraries are named where, and who may know whom, is checked by `tests/it/invariants.rs`.

pub mod ask;
pub mod baseline;
pub mod cli;
pub mod config;
pub mod effects;
pub mod explain;
pub mod fixes;
pub mod http;
pub mod hunt;
pub mod index;
pub mod mcp;
pub mod observe;
pub mod patterns;
pub mod propose;
pub mod python;
pub mod report;
pub mod risk;
pub mod scan;
pub mod search;
pub mod smells;
pub mod source;
pub mod trial;
pub mod words;
