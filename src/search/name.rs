//! The test that a person means: by its node id, or by the end of one.

use std::sync::Arc;

use crate::index::store::Filter;
use crate::index::{IndexedTest, VectorStore};

/// Finds the stored test called `name`; `repos` narrows it where several repositories have one.
///
/// # Errors
/// None is called so, or several are; the store fails.
pub async fn by_name(
    store: &Arc<dyn VectorStore>,
    name: &str,
    repos: &[String],
) -> anyhow::Result<IndexedTest> {
    let filter = Filter { repos: repos.to_vec(), ..Filter::default() };
    let name = name.split('[').next().unwrap_or(name);
    let (mut exact, mut ends) = (vec![], vec![]);
    let mut from = None;
    loop {
        let page = store.scroll(filter.clone(), from, 1_000).await?;
        for test in page.tests {
            let id = &test.assessment.id;
            if id == name {
                exact.push(test);
            } else if id.ends_with(&format!("::{name}")) || id.ends_with(&format!("/{name}")) {
                ends.push(test);
            }
        }
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    let mut found = if exact.is_empty() { ends } else { exact };
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => anyhow::bail!(
            "no indexed test is called '{name}'; 'flakydetector search' finds it by its words, 'flakydetector index PATH' adds it"
        ),
        count => {
            found.sort_by(|a, b| a.assessment.id.cmp(&b.assessment.id));
            let some: Vec<_> = found
                .iter()
                .take(5)
                .map(|test| format!("{} ({})", test.assessment.id, test.assessment.repo))
                .collect();
            anyhow::bail!(
                "{count} indexed tests are called '{name}': {}; give the whole id, or --repo",
                some.join(", ")
            )
        }
    }
}
