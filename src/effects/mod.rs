//! Which state that outlives a function the functions of a tree read, write and put back: variables of modules,
//! attributes of classes, environment and working folder, files, caches, wide fixtures, databases. Followed through
//! calls, also into the code under test. It is an estimate that favours finding too much: what a method of a shared
//! object does to it is not known, so a call counts as a change. Knows nothing of what is unstable.

mod at;
mod calls;
mod function;
mod index;
mod meaning;
mod outside;
mod summary;
#[cfg(test)]
mod tests;
mod unit;

pub use index::Index;
pub use summary::Roots;

use std::hash::{Hash, Hasher};

use rustc_hash::FxHasher;

/// One piece of state, hashed: the same in every file of a tree.
pub type State = u32;

/// What is done to a piece of state; bits of [`Touch::how`].
pub const READ: u8 = 1;
/// Changed, or possibly changed.
pub const WRITE: u8 = 2;
/// Given a value that does not depend on the one before; of a test: by its set-up or fixtures.
pub const RESET: u8 = 4;

/// A piece of state and what is done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Touch {
    pub state: State,
    pub how: u8,
}

/// What is changed of an object that holds more: an attribute, or what stands under a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// The attribute or the key; `None` for a key that is not written out.
    pub name: Option<String>,
    /// For a key, the name of what it belongs to.
    pub holder: Option<String>,
    /// The attributes on the way to it: `driver`, for `context.driver.clock`.
    pub within: Vec<String>,
    /// Whether it is a variable of a module, or an attribute of a class, by itself.
    pub is_whole: bool,
    /// Whether it is a variable of the environment, which any text may name.
    pub is_of_environment: bool,
}

impl Touch {
    pub fn is(self, how: u8) -> bool {
        self.how & how != 0
    }
}

/// The hash of a piece of state of some kind.
fn state(kind: &str, parts: &[&str]) -> State {
    let mut hasher = FxHasher::default();
    (kind, parts).hash(&mut hasher);
    let hash = hasher.finish();
    (hash ^ (hash >> 32)) as State
}

/// The working folder of the process. Nearly everything can be said to read it.
pub fn working_folder() -> State {
    state("process", &["cwd"])
}

/// Sorted, each state once, with all that is done to it.
fn merged(mut all: Vec<Touch>) -> Vec<Touch> {
    all.sort_unstable();
    all.dedup_by(|next, kept| {
        let same = next.state == kept.state;
        if same {
            kept.how |= next.how;
        }
        same
    });
    all.shrink_to_fit();
    all
}

/// One word each: `1f0c3a77:3`.
pub fn text(touches: &[Touch]) -> String {
    touches.iter().map(|touch| format!("{:x}:{:x}", touch.state, touch.how)).collect::<Vec<_>>().join(" ")
}

/// What [`text`] wrote; `None` where a word is no touch.
pub fn from_text(text: &str) -> Option<Vec<Touch>> {
    let touch = |word: &str| {
        let (state, how) = word.split_once(':')?;
        let state = u32::from_str_radix(state, 16).ok()?;
        Some(Touch { state, how: u8::from_str_radix(how, 16).ok()? })
    };
    text.split_whitespace().map(touch).collect()
}

/// For fields that are stored as [`text`].
pub mod as_text {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Touch;

    /// # Errors
    /// The format refuses text.
    pub fn serialize<S: Serializer>(touches: &[Touch], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::text(touches))
    }

    /// # Errors
    /// A word is none that [`super::text`] writes.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Touch>, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::from_text(&text).ok_or_else(|| D::Error::custom(format!("'{text}' are no touches")))
    }
}
