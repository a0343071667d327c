//! FlakyDetector.
pub mod explain;
pub mod index;
pub mod risk;
pub mod search;
pub mod smells;
