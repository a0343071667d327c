//! FlakyDetector.
pub mod cli;
pub mod explain;
pub mod index;
pub mod python;
pub mod report;
pub mod risk;
pub mod search;
pub mod scan;
pub mod smells;
pub mod source;
