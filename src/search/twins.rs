//! Copies of one test (parametrised by hand, inherited, pasted) shown once.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use crate::index::IndexedTest;

/// Bodies shorter than this are alike without being copies.
const WORTH_COMPARING: usize = 40;

/// A test with its score, and the ids of the copies that it stands for.
pub(super) struct Folded {
    pub(super) test: IndexedTest,
    pub(super) score: f32,
    pub(super) twins: Vec<String>,
}

/// Keeps the first of each set of twins, in order.
pub(super) fn fold(found: Vec<(IndexedTest, f32)>) -> Vec<Folded> {
    let bodies: Vec<Option<String>> = found.par_iter().map(|(test, _)| body(&test.source)).collect();
    let mut folded: Vec<Folded> = Vec::new();
    let mut first: HashMap<(String, String), usize> = HashMap::new();
    for ((test, score), body) in found.into_iter().zip(bodies) {
        if let Some(body) = body {
            let key = (test.assessment.repo.clone(), body);
            if let Some(at) = first.get(&key) {
                folded[*at].twins.push(test.assessment.id);
                continue;
            }
            first.insert(key, folded.len());
        }
        folded.push(Folded { test, score, twins: Vec::new() });
    }
    folded
}

/// How many tests are left when twins count once.
pub(super) fn distinct<'t>(tests: impl Iterator<Item = &'t IndexedTest>) -> usize {
    let mut bodies = HashSet::new();
    tests
        .filter(|test| body(&test.source).is_none_or(|body| bodies.insert((&test.assessment.repo, body))))
        .count()
}

/// The code below the signature without white space, comments and values; `None` where too little is left.
fn body(source: &str) -> Option<String> {
    let start = source.find("def ")?;
    let below = source[start..].split_once(":\n").map_or("", |(_, below)| below);
    let mut body = String::new();
    let mut chars = below.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '#' => while chars.next_if(|c| *c != '\n').is_some() {},
            '"' | '\'' => {
                body.push('s');
                let mut before = ' ';
                for inside in chars.by_ref() {
                    if inside == c && before != '\\' || inside == '\n' {
                        break;
                    }
                    before = inside;
                }
            }
            c if c.is_ascii_digit() && !body.ends_with(|b: char| b.is_alphanumeric() || b == '_') => {
                body.push('0');
                while chars.next_if(|c| c.is_ascii_digit() || *c == '.').is_some() {}
            }
            c if c.is_whitespace() => {}
            c => body.push(c),
        }
    }
    (body.len() >= WORTH_COMPARING).then_some(body)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::index::samples::assessment;

    const BODY: &str = "    client = connect('localhost', 6379)  # a comment\n    client.set('key', 1)\n    assert client.get(\"key\") == 1\n";

    fn test(repo: &str, name: &str, body: &str) -> (IndexedTest, f32) {
        let assessment = assessment(repo, &format!("t.py::{name}"));
        (IndexedTest::new(assessment, format!("def {name}(self):\n{body}")), 1.0)
    }

    #[test]
    fn copies_with_other_values_fold_into_the_first() {
        let other = BODY.replace("6379", "1").replace("'key'", "'another key'").replace("  # a comment", "");
        let folded =
            fold(vec![test("a", "test_1", BODY), test("a", "test_2", &other), test("a", "test_3", BODY)]);
        assert_eq!(folded.len(), 1);
        assert_eq!(folded[0].twins, ["t.py::test_2", "t.py::test_3"]);
    }

    #[test]
    fn other_code_other_repositories_and_tiny_bodies_stay_apart() {
        let other = BODY.replace("get", "fetch");
        assert_eq!(fold(vec![test("a", "test_1", BODY), test("a", "test_2", &other)]).len(), 2);
        assert_eq!(fold(vec![test("a", "test_1", BODY), test("b", "test_1", BODY)]).len(), 2);
        assert_eq!(fold(vec![test("a", "test_1", "    pass\n"), test("a", "test_2", "    pass\n")]).len(), 2);
    }

    #[test]
    fn odd_code_is_no_trouble() {
        for source in [
            "",
            "def",
            "def x",
            "def x():\n'unclosed",
            "def x():\n    \"\"\"a\n    b\"\"\"\n    größe = 'ß'\n",
        ] {
            let _ = body(source);
        }
    }
}
