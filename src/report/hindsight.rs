//! Predictions against outcomes, as text.

use std::fmt::Write as _;

use crate::risk::hindsight::{Hindsight, Score};

/// Precision and recall by severity and by rule, then the tests that failed though they looked safe.
pub fn hindsight(report: &Hindsight) -> String {
    let Hindsight { repo, tests, known, flaky, base_rate, .. } = report;
    let mut out = format!(
        "{repo}: {tests} tests, {known} with an outcome, {flaky} of them flaky ({:.1}%)\n",
        base_rate * 100.0
    );
    match report.auc {
        Some(auc) => {
            let _ = writeln!(out, "the risk from code alone orders them with a ROC-AUC of {auc:.3}");
        }
        None => {
            let _ = writeln!(out, "too few flaky or stable tests for a figure of the order");
        }
    }
    for (head, scores) in [("severity", &report.by_severity), ("rule", &report.by_rule)] {
        let _ = writeln!(out, "\n{head:<10} tests  flaky  precision  recall");
        for Score { said, tests, flaky, precision, recall } in scores {
            let _ = writeln!(out, "{said:<10} {tests:>5}  {flaky:>5}  {precision:>9.2}  {recall:>6.2}");
        }
    }
    if !report.missed.is_empty() {
        let _ = writeln!(out, "\nflaky, and of severity low or none");
    }
    for missed in &report.missed {
        let _ = writeln!(out, "  {}  risk {:.2}  {}", missed.id, missed.risk, missed.outcomes);
    }
    out
}
