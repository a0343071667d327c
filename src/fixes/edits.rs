//! Edits on text: where they meet, which of them go together, and the text that they make.

use crate::smells::Edit;

/// An edit by bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Change {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) content: String,
}

/// The edits as changes of this text; `None` where a place is not in it.
pub(super) fn changes(text: &str, edits: &[Edit]) -> Option<Vec<Change>> {
    let starts: Vec<usize> =
        std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let offset = |line: u32, column: u32| {
        let start = *starts.get((line as usize).checked_sub(1)?)?;
        let rest = &text[start..];
        let mut places = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
        places.nth(column as usize).map(|at| start + at)
    };
    edits
        .iter()
        .map(|edit| {
            let start = offset(edit.line, edit.column)?;
            let end = offset(edit.end_line, edit.end_column)?;
            (start <= end).then(|| Change { start, end, content: edit.content.clone() })
        })
        .collect()
}

/// Changes that were agreed on for one text.
#[derive(Clone, Debug, Default)]
pub(super) struct Agreed {
    changes: Vec<Change>,
}

impl Agreed {
    /// Takes all of `wanted`, or none where one of them meets another. The same change twice is one.
    pub(super) fn take(&mut self, wanted: &[Change]) -> bool {
        let clash = |new: &Change| {
            self.changes.iter().any(|known| {
                let apart = new.end < known.start
                    || known.end < new.start
                    || (new.end == known.start && new.start < new.end && known.start < known.end)
                    || (known.end == new.start && new.start < new.end && known.start < known.end);
                known != new && !apart
            })
        };
        // what two fixes both move to the right has to move twice
        let moves = |new: &Change| {
            new.start == new.end
                && !new.content.is_empty()
                && new.content.trim_matches([' ', '\t']).is_empty()
        };
        let is_shared = |new: &&Change| self.changes.contains(new);
        let clashes =
            wanted.iter().any(clash) || (!self.holds(wanted) && wanted.iter().filter(is_shared).any(moves));
        if clashes {
            return false;
        }
        for change in wanted {
            // of one fix, two at one place come in the order given
            if !self.changes.contains(change) {
                self.changes.push(change.clone());
            }
        }
        true
    }

    /// Whether all of `wanted` is agreed on already.
    pub(super) fn holds(&self, wanted: &[Change]) -> bool {
        wanted.iter().all(|change| self.changes.contains(change))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The text with all of them made.
    pub(super) fn apply(&self, text: &str) -> String {
        let mut changes: Vec<&Change> = self.changes.iter().collect();
        changes.sort_by_key(|change| (change.start, change.end));
        let (mut out, mut at) = (String::with_capacity(text.len() + 256), 0);
        for change in changes {
            if change.start < at {
                continue;
            }
            out.push_str(&text[at..change.start]);
            out.push_str(&change.content);
            at = change.end;
        }
        out.push_str(&text[at..]);
        out
    }
}

/// A unified diff as `git` shows it; empty where nothing changed.
pub fn diff(file: &str, before: &str, after: &str) -> String {
    if before == after {
        return String::new();
    }
    let mut options = diffy::DiffOptions::new();
    options.set_original_filename(format!("a/{file}")).set_modified_filename(format!("b/{file}"));
    let patch = options.create_patch(before, after);
    diffy::PatchFormatter::new().suppress_blank_empty(false).fmt_patch(&patch).to_string()
}

/// The text with a unified diff of one file applied.
///
/// # Errors
/// It is no such diff, or does not fit the text; in words.
pub fn patched(before: &str, diff: &str) -> Result<String, String> {
    let patch = diffy::Patch::from_str(diff).ok().filter(|patch| !patch.hunks().is_empty());
    let patch = patch.ok_or("this is no unified diff of one file")?;
    diffy::apply(before, &patch).map_err(|_| "the diff does not fit the file as it is".to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn applied(text: &str, edits: &[Edit]) -> Option<String> {
        let mut agreed = Agreed::default();
        agreed.take(&changes(text, edits)?).then(|| agreed.apply(text))
    }

    fn edit(line: u32, column: u32, end_column: u32, content: &str) -> Edit {
        Edit { content: content.to_owned(), line, column, end_line: line, end_column }
    }

    #[test]
    fn columns_count_characters() {
        let text = "a = \"é\"; b = 1\nc = 2\n";
        let made = applied(text, &[edit(1, 13, 14, "3"), edit(2, 0, 0, "# ü\n")]).unwrap();
        assert_eq!(made, "a = \"é\"; b = 3\n# ü\nc = 2\n");
        assert_eq!(applied(text, &[edit(9, 0, 0, "")]), None);
        assert_eq!(applied(text, &[edit(2, 0, 90, "")]), None);
    }

    #[test]
    fn what_meets_waits_and_what_is_the_same_is_one() {
        let text = "f(a, b)\n";
        let mut agreed = Agreed::default();
        let wrap = changes(text, &[edit(1, 2, 2, "g("), edit(1, 3, 3, ")")]).unwrap();
        assert!(agreed.take(&wrap) && agreed.take(&wrap));
        assert!(!agreed.take(&changes(text, &[edit(1, 0, 4, "h")]).unwrap()));
        assert!(!agreed.take(&changes(text, &[edit(1, 2, 2, "k(")]).unwrap()));
        assert!(agreed.take(&changes(text, &[edit(1, 5, 6, "c")]).unwrap()));
        assert_eq!(agreed.apply(text), "f(g(a), c)\n");
        let mut agreed = Agreed::default();
        assert!(agreed.take(&changes("a\nb\n", &[edit(1, 0, 0, "    "), edit(2, 0, 0, "    ")]).unwrap()));
        assert!(!agreed.take(&changes("a\nb\n", &[edit(2, 0, 0, "    "), edit(2, 1, 1, "c")]).unwrap()));
    }
}
