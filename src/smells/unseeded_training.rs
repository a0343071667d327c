//! # FD506 unseeded-training
//!
//! ## What it detects
//! A search or a training that draws at random inside a library and was given no seed (`optuna.create_study()`,
//! scikit-learn's estimators and splits without `random_state`), in a test that asserts on what comes out; and exact
//! expectations of training metrics (`history["val_accuracy"] == 1`).
//!
//! ## Why it makes tests unstable
//! Each run takes other samples, other first weights, another order of the data. Most of them lead to the expected
//! result.
//!
//! ## Example
//! ```python
//! study = optuna.create_study()
//! study.optimize(objective, n_trials=20)
//! assert study.best_value < 0.1
//! ```
//!
//! ## Use instead
//! A seed, or trials that the test writes down.
//! ```python
//! study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=7))
//! ```
//!
//! ## Known false positives
//! A property that holds for every draw.

use super::assertions::comparisons;
use super::randomness::is_seeded;
use super::words::last;
use super::{Context, Report, Role, Rule, Severity, Smell};
use crate::python::ast::{Call, Expr, ExprKind};

pub(super) struct UnseededTraining;

impl Rule for UnseededTraining {
    fn code(&self) -> &'static str {
        "FD506"
    }

    fn name(&self) -> &'static str {
        "unseeded-training"
    }

    fn check(&self, test: &Context<'_, '_>, report: &mut Report<'_>) {
        let at = test.test();
        let own = test.analysis.view(at.function.module).module.text(at.function.function.span);
        let names_metric = ["acc", "loss", "epoch"].iter().any(|word| own.contains(word));
        for assert in at.sites.asserts.iter().filter(|_| names_metric) {
            let metric = comparisons(assert.test)
                .into_iter()
                .filter(|comparison| comparison.op == "==" && comparison.right.as_number().is_some())
                .find_map(|comparison| metric(comparison.left));
            let Some(metric) = metric.filter(|_| !is_seeded(test)) else { continue };
            report.add(
                at,
                Smell {
                    span: assert.span,
                    severity: Severity::Low,
                    confidence: 0.5,
                    message: format!("`{metric}` comes from a training, which no seed fixes, and is compared exactly"),
                    help: "set the seed of the library (keras.utils.set_random_seed, torch.manual_seed), or bound the \
                           value"
                        .to_owned(),
                },
            );
        }
        if at.sites.asserts.is_empty() {
            return;
        }
        for at in test.reach.iter().filter(|at| at.role != Role::Teardown) {
            for (site, path) in at.sites.calls.iter().zip(&at.paths) {
                if !draws(path, site.call) || test.mocks.covers(path) {
                    continue;
                }
                let is_study = last(path) == "create_study";
                let runs = |word: &str| at.sites.calls.iter().any(|call| last(&call.path) == word);
                if (is_study && (!runs("optimize") || runs("enqueue_trial"))) || (!is_study && is_seeded(test)) {
                    continue;
                }
                report.add(
                    at,
                    Smell {
                        span: site.expr.span,
                        severity: Severity::Low,
                        confidence: 0.6,
                        message: format!(
                            "`{}` draws at random and was given no seed, so the assertions see another result in every run",
                            test.text(at, &site.call.func)
                        ),
                        help: if is_study {
                            "give it a seeded sampler (optuna.samplers.TPESampler(seed=7)), or enqueue the trials"
                        } else {
                            "pass random_state"
                        }
                        .to_owned(),
                    },
                );
            }
        }
    }
}

fn draws(path: &str, call: &Call) -> bool {
    let lacks = |name: &str| call.keyword(name).is_none() && call.keywords.iter().all(|(name, _)| name.is_some());
    if path.starts_with("optuna.") && last(path) == "create_study" {
        return lacks("sampler");
    }
    path.starts_with("sklearn.")
        && !path.contains("()")
        && lacks("random_state")
        && matches!(
            last(path),
            "train_test_split"
                | "RandomForestClassifier"
                | "RandomForestRegressor"
                | "DecisionTreeClassifier"
                | "DecisionTreeRegressor"
                | "BaggingClassifier"
                | "AdaBoostClassifier"
                | "RandomizedSearchCV"
                | "ShuffleSplit"
                | "StratifiedShuffleSplit"
                | "GaussianMixture"
                | "NMF"
                | "Perceptron"
                | "make_moons"
                | "make_circles"
                | "ExtraTreesClassifier"
                | "ExtraTreesRegressor"
                | "GradientBoostingClassifier"
                | "GradientBoostingRegressor"
                | "KMeans"
                | "MiniBatchKMeans"
                | "MLPClassifier"
                | "MLPRegressor"
                | "SGDClassifier"
                | "SGDRegressor"
                | "IsolationForest"
                | "TSNE"
                | "make_classification"
                | "make_regression"
                | "make_blobs"
        )
}

/// The metric of a training that an expression reads: `summary["val_accuracy"]`.
fn metric(expr: &Expr) -> Option<&str> {
    let ExprKind::Subscript { index, .. } = &expr.kind else { return None };
    let key = index.first()?.as_str()?;
    matches!(key, "accuracy" | "val_accuracy" | "acc" | "val_acc" | "loss" | "val_loss" | "best_epoch" | "best_val_loss")
        .then_some(key)
}
