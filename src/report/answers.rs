//! Explanations tried on tests that people mended, as tables in Markdown.

use std::fmt::Write as _;

use crate::smells::Cause;
use crate::trial::Answers;

/// The figures of each way of answering, then the causes named for each test.
pub fn answers(answers: &Answers) -> String {
    let model = answers.model.as_deref().unwrap_or("no model");
    let mut out = format!(
        "{} mended tests as they were before, {model}; {} of the table passed over\n\n| | cause right first | macro-F1 | sentences | \
         did not stand | failed | first token | all | prompt |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
        answers.tests.len(),
        answers.passed_over
    );
    let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64 * 100.0;
    for arm in &answers.arms {
        let _ = writeln!(
            out,
            "| {} | {} of {} ({:.0}%) | {:.2} | {} | {} ({:.0}%) | {} | {:.1} s | {:.1} s | {} tokens |",
            arm.name,
            arm.right,
            arm.tests,
            share(arm.right, arm.tests),
            arm.macro_f1,
            arm.sentences,
            arm.dropped,
            share(arm.dropped, arm.sentences),
            arm.failed,
            arm.first_token as f64 / 1e3,
            arm.total as f64 / 1e3,
            arm.prompt_tokens
        );
    }
    out.push_str("\nTimes and tokens are medians.\n\n| test | cause | rules alone | with evidence | code alone |\n| --- | --- | --- | --- | --- |\n");
    let name = |cause: Option<Cause>| cause.map_or("none", |cause| cause.name());
    for test in &answers.tests {
        let said = |said: &Option<crate::trial::Said>| name(said.as_ref().and_then(|said| said.cause));
        let _ = writeln!(
            out,
            "| {} {} | {} | {} | {} | {} |",
            test.mend.repo,
            test.mend.test_id,
            test.mend.cause.name(),
            name(test.by_rules),
            said(&test.with_evidence),
            said(&test.code_alone)
        );
    }
    out
}
