//! What the rules saw of mended tests, as a table in Markdown and a list of the tests.

use std::fmt::Write as _;

use crate::risk::mended::{Figures, Report, State};

/// The report as a page.
pub fn recall(report: &Report) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "| cause | tests | found | seen before | recall | near the mend | share | gone after | of those seen |"
    );
    let _ = writeln!(out, "| --- |{}", " --- |".repeat(8));
    for (cause, figures) in &report.by_cause {
        line(&mut out, cause.name(), figures);
    }
    line(&mut out, "all", &report.figures);
    let _ = writeln!(out);
    for test in &report.tests {
        let mend = &test.mend;
        let _ = writeln!(
            out,
            "{:<8} {:<12} {} {} {}",
            test.state.name(),
            mend.cause,
            mend.repo,
            mend.commit.get(..10).unwrap_or(&mend.commit),
            mend.test_id
        );
        let indent = " ".repeat(9);
        if !test.reason.is_empty() {
            let _ = writeln!(out, "{indent}{}", test.reason);
        }
        if !matches!(test.state, State::NoClone | State::NoTest) {
            let after = match &test.after {
                Some(after) => join(after),
                None => "no test of that name".to_owned(),
            };
            let _ = writeln!(out, "{indent}before: {}; after: {after}", join(&test.before));
        }
    }
    out
}

fn join(places: &[String]) -> String {
    if places.is_empty() { "nothing".to_owned() } else { places.join(" ") }
}

fn line(out: &mut String, name: &str, figures: &Figures) {
    let _ = writeln!(
        out,
        "| {name} | {} | {} | {} | {:.0}% | {} | {:.0}% | {} | {:.0}% |",
        figures.rows,
        figures.tests_found,
        figures.seen,
        100.0 * figures.recall,
        figures.near,
        100.0 * figures.near_share,
        figures.gone,
        100.0 * figures.gone_share
    );
}
