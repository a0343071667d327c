//! Who owns a file, by CODEOWNERS: the last pattern that fits wins.

use std::path::Path;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// The rules of a CODEOWNERS file, or one team for everything.
#[derive(Debug, Default)]
pub struct Owners {
    rules: Vec<(Gitignore, Vec<String>)>,
    fallback: Vec<String>,
}

impl Owners {
    /// Reads CODEOWNERS from where GitHub and GitLab look; `team` owns what nobody there does.
    pub fn load(root: &Path, team: Option<&str>) -> Owners {
        let text = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"]
            .iter()
            .find_map(|name| std::fs::read_to_string(root.join(name)).ok())
            .unwrap_or_default();
        let rules = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with(['#', '[', '^']))
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                let mut builder = GitignoreBuilder::new("");
                builder.add_line(None, words.next()?).ok()?;
                Some((
                    builder.build().ok()?,
                    words.map(|team| team.trim_start_matches('@').to_owned()).collect(),
                ))
            })
            .collect();
        Owners { rules, fallback: team.map(str::to_owned).into_iter().collect() }
    }

    /// The teams that own a root-relative path; none where nobody does.
    pub fn of(&self, file: &str) -> Vec<String> {
        let fits = |(pattern, _): &&(Gitignore, Vec<String>)| {
            pattern.matched_path_or_any_parents(file, false).is_ignore()
        };
        match self.rules.iter().rev().find(fits) {
            Some((_, teams)) => teams.clone(),
            None => self.fallback.clone(),
        }
    }
}
