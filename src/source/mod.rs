//! Which files, from which repository, owned by whom. Knows nothing of Python's meaning.

mod code;
mod files;
pub mod git;
pub mod history;
mod owners;
mod repository;
mod stamp;
mod write;

pub use files::{
    Discovered, FileError, SourceError, SourceFile, decode, discover, encode, is_helper, relative,
};
pub use owners::Owners;
pub use repository::{project_root, repository_name, within_repository};
pub use stamp::stamp;
pub use write::replace;
