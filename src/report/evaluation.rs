//! The evaluation of the risk model as a table in Markdown.

use std::fmt::Write as _;

use crate::risk::dataset::CATEGORIES;
use crate::risk::evaluate::{Figures, Report};

/// The report as a page.
pub fn evaluation(report: &Report) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{} tests of {} repositories ({} groups), {} flaky (base rate {:.3}); {} folds by group, ranks within the \
         repository. Feature schema {}, data {}.\n",
        report.tests,
        report.repositories,
        report.groups,
        report.flaky,
        report.base_rate,
        report.folds,
        report.feature_schema,
        report.data_hash
    );
    let _ = write!(out, "| | AUC within a repository |");
    for category in CATEGORIES {
        let _ = write!(out, " {category} |");
    }
    let _ = writeln!(out, " below 0.5 | pooled AUC | average precision |");
    let _ = writeln!(out, "| --- |{}", " --- |".repeat(CATEGORIES.len() + 4));
    for figures in &report.candidates {
        line(&mut out, figures, "");
    }
    for figures in &report.baselines {
        line(&mut out, figures, "baseline: ");
    }
    adaptation(&mut out, report);
    mined(&mut out, report);
    out
}

fn mined(out: &mut String, report: &Report) {
    beside(out, "With labels out of mending commits", &report.mined);
    beside(out, "On the tests of hunted repositories", &report.hunted);
}

fn beside(out: &mut String, title: &str, all: &[Figures]) {
    if all.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "\n{title} (ROC-AUC within a repository, NOD apart):\n\n| | AUC | NOD | repositories |\n| --- | --- | --- | --- |"
    );
    for figures in all {
        let nod = figures.by_category.get("NOD").copied().unwrap_or(f64::NAN);
        let _ = writeln!(
            out,
            "| {} | {:.3} ± {:.3} | {nod:.3} | {} |",
            figures.name, figures.auc, figures.standard_error, figures.repositories
        );
    }
}

fn adaptation(out: &mut String, report: &Report) {
    if report.adaptation.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "\nWith some outcomes of the repository known, on the rest, repositories apart (ROC-AUC within a repository):\n\n\
         | known | repositories | adapted | siblings alone | kernel alone | prior | in classes without outcomes | \
         calibration error | F1 |\n| --- |{}",
        " --- |".repeat(8)
    );
    for figures in &report.adaptation {
        let _ = writeln!(
            out,
            "| {} | {} | {:.3} ± {:.3} | {:.3} | {:.3} | {:.3} | {:.3} | {:.3} | {:.3} |",
            figures.known,
            figures.repositories,
            figures.auc,
            figures.standard_error,
            figures.siblings,
            figures.kernel,
            figures.prior,
            figures.in_new_classes,
            figures.calibration_error,
            figures.f1
        );
    }
}

fn line(out: &mut String, figures: &Figures, prefix: &str) {
    let _ = write!(out, "| {prefix}{} | {:.3} ± {:.3} |", figures.name, figures.auc, figures.standard_error);
    for category in CATEGORIES {
        let _ = write!(out, " {:.3} |", figures.by_category.get(category).copied().unwrap_or(f64::NAN));
    }
    let _ = writeln!(
        out,
        " {} of {} | {:.3} | {:.3} |",
        figures.below_half, figures.repositories, figures.pooled_auc, figures.average_precision
    );
}
