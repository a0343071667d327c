//! Rules over the semantic model of a test. Knows no vector store, no model and no report.

mod finding;

pub use finding::{Applicability, Cause, Edit, Finding, Fix, Severity};
