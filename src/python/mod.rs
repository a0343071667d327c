//! Python as tests see it: files ─▶ statements ─▶ what is a test, what it uses and what it does.
//! Knows nothing of what is unstable.

pub mod ast;
mod cases;
mod config;
mod fixtures;
mod grammar;
mod imports;
mod lower;
mod module;
mod project;
pub mod sites;
mod standard;
#[cfg(test)]
mod value_tests;

pub use cases::TestCase;
pub use config::{CONFIG_FILES, PytestConfig, section as pytest_section};
pub use fixtures::{Fixture, FixtureRef, Scope};
pub use imports::imports;
pub use lower::SyntaxError;
pub use module::{Module, any_expression, blocks, expressions, for_each_statement};
pub use project::{Analysis, ClassRef, FunctionRef, Global, Project, Shared, View, candidates, methods};
pub use standard::is_part_of_python;
