//! What hunts showed of the tests of labelled repositories: labels that are whole where a list names what somebody saw.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;

use super::dataset::{DatasetError, Outcome, Row, read_table};

/// One line of a table of hunted tests.
#[derive(Clone, Debug, Deserialize)]
pub struct Hunted {
    pub repo: String,
    pub sha: String,
    pub test_id: String,
    pub outcome: Outcome,
    /// What was changed, where it is unstable: `order:alone`, `twice`.
    pub perturbation: String,
    /// Runs of it, the plain one among them.
    pub runs: u32,
}

/// Reads a table of hunted tests (gzipped CSV with a header).
///
/// # Errors
/// The file cannot be read, or columns are missing.
pub fn read(path: &Path) -> Result<Vec<Hunted>, DatasetError> {
    let text = read_table(path)?;
    csv::Reader::from_reader(text.as_bytes()).deserialize().collect::<Result<_, _>>().map_err(|error| {
        DatasetError::Columns {
            path: path.display().to_string(),
            reason: error.to_string(),
            what: "table of hunted tests",
            columns: "repo, sha, test_id, outcome, perturbation, runs",
        }
    })
}

/// Gives each row what a hunt at its commit showed, and gives back how many rows that were.
pub fn join(rows: &mut [Row], hunted: &[Hunted]) -> usize {
    let known: HashMap<(&str, &str, &str), &Hunted> =
        hunted.iter().map(|test| ((&*test.repo, &*test.sha, &*test.test_id), test)).collect();
    let mut joined = 0;
    for row in rows {
        let test = known.get(&(&*row.repo, &*row.sha, &*row.test_id));
        row.hunted = test.map(|test| (test.outcome, test.runs));
        row.shown_by = test.map_or_else(String::new, |test| test.perturbation.clone());
        joined += usize::from(test.is_some());
    }
    joined
}

/// The rows with whole labels: what a hunt showed to be unstable counts as flaky, whether the list names it or not.
pub fn whole(rows: &[Row]) -> Vec<Row> {
    let mut out = rows.to_vec();
    for row in &mut out {
        if !row.is_flaky() && row.is_shown() {
            category(&row.shown_by).clone_into(&mut row.category);
        }
    }
    out
}

/// The kind of unstable test that a change shows.
fn category(perturbation: &str) -> &'static str {
    match perturbation {
        "order:alone" => "OD-Brit",
        "twice" => "NIO",
        order if order.starts_with("order") => "OD-Vic",
        _ => "NOD",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::super::inputs::INPUTS;
    use super::*;

    fn row(test: &str, category: &str) -> Row {
        Row {
            repo: "a/b".to_owned(),
            sha: "1".to_owned(),
            group: "a/b".to_owned(),
            test_id: test.to_owned(),
            category: category.to_owned(),
            inputs: [0.0; INPUTS],
            terms: vec![],
            states: vec![],
            hunted: None,
            shown_by: String::new(),
        }
    }

    #[test]
    fn what_a_hunt_shows_is_a_label_and_what_it_does_not_leaves_the_list_alone() {
        let table = "repo,sha,test_id,outcome,perturbation,runs\n\
                     a/b,1,t.py::one,unstable,order:alone,9\n\
                     a/b,1,t.py::two,stable,,40\n\
                     a/b,1,t.py::three,stable,,40\n\
                     a/b,2,t.py::four,unstable,twice,3\n";
        let path = tempfile::NamedTempFile::new().unwrap();
        let mut gzip = GzEncoder::new(path.reopen().unwrap(), Compression::default());
        gzip.write_all(table.as_bytes()).unwrap();
        gzip.finish().unwrap();
        let mut rows =
            [row("t.py::one", ""), row("t.py::two", ""), row("t.py::three", "NOD"), row("t.py::four", "")];
        assert_eq!(join(&mut rows, &read(path.path()).unwrap()), 3, "another commit is another test");
        let labels: Vec<String> = whole(&rows).into_iter().map(|row| row.category).collect();
        assert_eq!(labels, ["OD-Brit", "", "NOD", ""]);
        assert_eq!(rows[1].hunted, Some((Outcome::Stable, 40)));
    }

    #[test]
    fn another_table_is_told() {
        let path = tempfile::NamedTempFile::new().unwrap();
        let mut gzip = GzEncoder::new(path.reopen().unwrap(), Compression::default());
        gzip.write_all(b"a,b\n1,2\n").unwrap();
        gzip.finish().unwrap();
        let said = read(path.path()).unwrap_err().to_string();
        assert!(said.contains("it needs the columns repo, sha, test_id, outcome"), "{said}");
    }
}
