//! The tests of a repository under the names that reports give them, and a report brought to node ids.

use std::collections::BTreeSet;
use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;

use super::junit::{Case, Outcome, Run};

/// A report by test: how each ended, and what it said when it failed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Folded {
    pub tests: FxHashMap<String, (Outcome, Option<String>)>,
    /// Names that fit no test.
    pub unmatched: BTreeSet<String>,
}

/// The end of a case that stands twice in a report: it was run again, since pytest-rerunfailures writes every try, and
/// the failed ones without a failure. One that fails at last failed, also in its tear-down.
fn again(first: Outcome, second: Outcome) -> Outcome {
    match (first, second) {
        (_, Outcome::Passed) if first != Outcome::Skipped => Outcome::Retried,
        _ => worse(first, second),
    }
}

fn worse(one: Outcome, other: Outcome) -> Outcome {
    let rank = |outcome| match outcome {
        Outcome::Skipped => 0,
        Outcome::Passed => 1,
        Outcome::Retried => 2,
        Outcome::Failed => 3,
    };
    if rank(one) >= rank(other) { one } else { other }
}

/// The tests of a repository under the names that reports give them.
pub struct Names {
    /// `tests.test_lock.TestLock.test_expires` ─▶ node id.
    whole: FxHashMap<String, String>,
    /// The last part ─▶ dotted names with that end.
    by_end: FxHashMap<String, Vec<String>>,
}

impl Names {
    /// From node ids.
    pub fn new<'i>(ids: impl Iterator<Item = &'i str>) -> Names {
        let mut names = Names { whole: FxHashMap::default(), by_end: FxHashMap::default() };
        for id in ids {
            let (file, rest) = id.split_once("::").unwrap_or((id, ""));
            let module = file.trim_end_matches(".py").replace(['/', '\\'], ".");
            let dotted = format!("{module}.{}", rest.replace("::", "."));
            let end = dotted.rsplit('.').next().unwrap_or_default().to_owned();
            names.by_end.entry(end).or_default().push(dotted.clone());
            names.whole.insert(dotted, id.to_owned());
        }
        names
    }

    /// Brings a report to node ids. The parameters of a function fold into it; it failed if any of them failed.
    pub fn fold(&self, run: Run) -> Folded {
        let mut ends: FxHashMap<(&str, String), (Outcome, Option<String>)> = FxHashMap::default();
        let mut out = Folded::default();
        for case in run.cases {
            let Some(id) = self.find(&case) else {
                out.unmatched.insert(format!("{}.{}", case.class, bare(&case.name)));
                continue;
            };
            match ends.entry((id, case.name)) {
                Entry::Vacant(entry) => {
                    entry.insert((case.outcome, case.message));
                }
                // the same case twice: it was run again
                Entry::Occupied(mut entry) => {
                    let (outcome, said) = entry.get_mut();
                    *outcome = again(*outcome, case.outcome);
                    *said = said.take().or(case.message);
                }
            }
        }
        for ((id, _), (outcome, message)) in ends {
            match out.tests.get_mut(id) {
                Some((known, said)) => {
                    // of several failures the least by text, so that the same report says the same
                    *said = match (said.take(), message) {
                        (Some(one), Some(other)) => Some(one.min(other)),
                        (one, other) => one.or(other),
                    };
                    *known = worse(*known, outcome);
                }
                None => {
                    out.tests.insert(id.to_owned(), (outcome, message));
                }
            }
        }
        out
    }

    /// The node id that a case means: by its whole name, by its file, or by the only test whose name ends alike.
    fn find(&self, case: &Case) -> Option<&str> {
        let name = bare(&case.name);
        let dotted =
            if case.class.is_empty() { name.replace("::", ".") } else { format!("{}.{name}", case.class) };
        let by_file = || {
            let module = case.file.as_deref()?.trim_end_matches(".py").replace(['/', '\\'], ".");
            let class = case.class.rsplit('.').next().filter(|class| !module.ends_with(class));
            let parts: Vec<&str> = std::iter::once(module.as_str()).chain(class).chain([name]).collect();
            self.whole.get(&parts.join("."))
        };
        let by_end = || {
            let ends = self.by_end.get(name)?;
            let fits = |known: &&String| ends_alike(known, &dotted);
            let mut fitting = ends.iter().filter(fits);
            let only = fitting.next()?;
            fitting.next().is_none().then(|| self.whole.get(only)).flatten()
        };
        self.whole.get(&dotted).or_else(by_file).or_else(by_end).map(String::as_str)
    }
}

/// The name without parameters: `test_a[1]`, `test_a:1`, `test_a (arg=1)`.
fn bare(name: &str) -> &str {
    let first = name.lines().next().unwrap_or(name);
    first.split(['[', ':', ' ', '(']).next().unwrap_or(first)
}

/// Whether one dotted name ends with the other at a dot.
fn ends_alike(one: &str, other: &str) -> bool {
    let (long, short) = if one.len() >= other.len() { (one, other) } else { (other, one) };
    long.strip_suffix(short).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn case(class: &str, name: &str, outcome: Outcome) -> Case {
        Case { class: class.to_owned(), name: name.to_owned(), file: None, outcome, message: None }
    }

    #[test]
    fn names_of_every_writer_find_their_test() {
        let names = Names::new(
            [
                "tests/test_a.py::TestA::test_x",
                "tests/test_a.py::test_y",
                "lib/test_b.py::test_y",
                "lib/test_b.py::test_z",
            ]
            .into_iter(),
        );
        let find =
            |class: &str, name: &str| names.find(&case(class, name, Outcome::Passed)).map(str::to_owned);
        assert_eq!(find("tests.test_a.TestA", "test_x[1-a]").unwrap(), "tests/test_a.py::TestA::test_x");
        assert_eq!(find("test_a.TestA", "test_x").unwrap(), "tests/test_a.py::TestA::test_x");
        assert_eq!(find("project.tests.test_a", "test_y").unwrap(), "tests/test_a.py::test_y");
        assert_eq!(find("TestA", "test_x (n=1)").unwrap(), "tests/test_a.py::TestA::test_x");
        assert_eq!(find("", "test_z").unwrap(), "lib/test_b.py::test_z");
        assert_eq!(find("", "test_y"), None);
        let with_file =
            Case { file: Some("lib/test_b.py".to_owned()), ..case("x", "test_y", Outcome::Passed) };
        assert_eq!(names.find(&with_file), None);
        let function = Case { class: "test_b".to_owned(), ..with_file };
        assert_eq!(names.find(&function), Some("lib/test_b.py::test_y"));
    }
}
