//! FlakyDetector.
pub mod ask;
pub mod cli;
pub mod config;
pub mod explain;
pub mod http;
pub mod index;
pub mod patterns;
pub mod python;
pub mod report;
pub mod risk;
pub mod scan;
pub mod search;
pub mod smells;
pub mod source;
