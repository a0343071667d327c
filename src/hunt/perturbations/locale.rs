//! The plain C locale, where the user's has a language.

use super::{Change, Perturbation};
use crate::smells::Cause;

pub(super) const LOCALE: Perturbation = Perturbation {
    name: "locale",
    shows: &[Cause::Unordered, Cause::Resources],
    suits: |_| false,
    general: true,
    chance: false,
    changes: |_| vec![Change::environment("locale:C".to_owned(), &[("LC_ALL", "C"), ("LANG", "C")])],
};
