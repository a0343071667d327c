//! FlakyDetector.
pub mod explain;
pub mod index;
pub mod python;
pub mod risk;
pub mod smells;
pub mod source;
