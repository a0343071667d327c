//! Fixes tried on tests that people mended, as a table in Markdown.

use std::fmt::Write as _;

use crate::trial::Trial;

/// The sums, then each test.
pub fn trial(trial: &Trial) -> String {
    let share = trial.verified as f64 / trial.tests.max(1) as f64;
    let mut out = format!(
        "{} tests with a finding, {} verified fixes ({:.0}%): {} by rule, {} by {}; {} of the table passed over\n\n",
        trial.tests,
        trial.verified,
        share * 100.0,
        trial.by_rule,
        trial.by_model,
        trial.model.as_deref().unwrap_or("no model"),
        trial.passed_over
    );
    out.push_str("| test | cause | findings | fix | rounds | why |\n| --- | --- | --- | --- | --- | --- |\n");
    for tried in &trial.tried {
        let (findings, fix, rounds, why) = match &tried.fix {
            Some(fix) => (
                fix.findings_before.join(", "),
                format!("{:?}, {}", fix.origin, if fix.verified { "verified" } else { "not verified" })
                    .to_lowercase(),
                fix.rounds,
                fix.reason.clone(),
            ),
            None => (String::new(), "none".to_owned(), 0, tried.reason.clone()),
        };
        let _ = writeln!(
            out,
            "| {} {} | {} | {findings} | {fix} | {rounds} | {} |",
            tried.mend.repo,
            tried.mend.test_id,
            tried.mend.cause,
            why.replace('|', "\\|")
        );
    }
    out
}
