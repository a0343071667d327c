//! The figures of search, as tables in Markdown.

use std::fmt::Write as _;

use crate::search::evaluation::SearchReport;

/// Means by method, neighbours, then each question.
pub fn retrieval(report: &SearchReport) -> String {
    let mut out = format!("{} tests\n\n", report.tests);
    out.push_str(
        "| questions | suites | asked | method | precision at 10 | nDCG at 10 | MRR | hit at 10 |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    let set = |kept_back| if kept_back { "kept back" } else { "tuned on" };
    for row in &report.rows {
        let figures = &row.figures;
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {:.3} | {:.3} | {:.3} | {:.3} |",
            set(row.questions_kept_back),
            set(row.suites_kept_back),
            row.questions,
            format!("{:?}", row.method).to_lowercase(),
            figures.precision,
            figures.ndcg,
            figures.reciprocal_rank,
            figures.hit
        );
    }
    let near = &report.similar;
    let _ = writeln!(
        out,
        "\nsimilar tests of other repositories, {} targets: the same first cause in {:.3} of the first five \
         (meaning alone {:.3}, by chance {:.3})\n",
        near.targets, near.same_cause_at_5, near.dense_alone, near.by_chance
    );
    out.push_str("| question | suites | answers | dense | bm25 | hybrid | facets |\n| --- | --- | --- | --- | --- | --- | --- |\n");
    for asked in &report.questions {
        let figures: Vec<String> =
            asked.precision_at_10.iter().map(|figure| format!("{figure:.2}")).collect();
        let suites = set(asked.suites_kept_back);
        let _ = writeln!(out, "| {} | {suites} | {} | {} |", asked.text, asked.relevant, figures.join(" | "));
    }
    out
}
