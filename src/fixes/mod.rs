//! Edits that mend findings, and the one check that every patch has to pass, whoever wrote it. Nothing is run.

mod added;
mod assertions;
mod by_rule;
mod cured;
mod edits;
mod functions;
#[cfg(test)]
mod hostile;
mod mined;
mod names;
mod splice;
mod syntax;
mod told;
mod verify;

pub use by_rule::{Mended, MendedFile, Refused, mend};
pub use edits::{diff, patched};
pub use functions::functions;
pub use mined::{Pair, Walk, walk};
pub use splice::{SpliceError, splice};
pub use told::{Told, told};
pub use verify::{Patch, Verdict, libraries, verify, verify_text};
