//! How good the prior is on repositories that it has not seen: cross-validation by group of repositories, with
//! baselines in the same run. Seeded; the same table gives the same report.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::dataset::{CATEGORIES, Row};
use super::features;
use super::hunted;
use super::inputs::INPUTS;
use super::metrics::{RATES, average_precision, mean, roc, roc_auc};
use super::model::{BoostError, Model, Recipe};
use super::prior::{COLUMNS, columns};
use super::ranks::ranks;
use super::rehearse;

/// How many parts the groups of repositories are dealt into.
pub(super) const FOLDS: usize = 10;

/// A candidate's name and what it scored. AUC is ROC-AUC within a repository, mean over repositories.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    pub name: String,
    pub auc: f64,
    pub standard_error: f64,
    /// AUC with only the flaky tests of one category counted as such.
    pub by_category: BTreeMap<&'static str, f64>,
    pub repositories: usize,
    pub below_half: usize,
    pub pooled_auc: f64,
    pub average_precision: f64,
    /// The AUC of each repository, ascending.
    pub spread: Vec<f64>,
    /// The true positive rate at false positive rates of 0, 0.05, …, 1, mean over repositories.
    pub roc: Vec<f64>,
}

/// The report of one evaluation.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub feature_schema: &'static str,
    pub data_hash: String,
    pub repositories: usize,
    pub groups: usize,
    pub tests: usize,
    pub flaky: usize,
    pub base_rate: f64,
    pub folds: usize,
    pub candidates: Vec<Figures>,
    pub baselines: Vec<Figures>,
    /// What labels out of mending commits bring: the listed and the mined tests, by models trained without and with them.
    pub mined: Vec<Figures>,
    /// What whole labels bring: tests of hunted repositories, by models trained on the list and on what hunts showed
    /// too, judged by either.
    pub hunted: Vec<Figures>,
    /// How well the rest is ranked when some outcomes of the repository are known.
    pub adaptation: Vec<rehearse::Figures>,
}

/// The recipe that is also tried without some of the columns.
const PLAIN: &str = "linear, lambda 1";

/// The recipes that are compared.
pub fn recipes() -> Vec<(&'static str, Recipe)> {
    let common = |mut extra: Vec<(&'static str, String)>, rounds| {
        let shared = [("objective", "binary:logistic"), ("seed", "7"), ("nthread", "1"), ("verbosity", "0")];
        extra.extend(shared.map(|(name, value)| (name, value.to_owned())));
        Recipe { parameters: extra, rounds }
    };
    let text = |pairs: &[(&'static str, &str)]| {
        pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
    };
    let linear = |strength: &'static str| {
        common(text(&[("booster", "gblinear"), ("updater", "coord_descent"), ("lambda", strength)]), 60)
    };
    let trees = |depth: &'static str, rounds| {
        let shape = [
            ("booster", "gbtree"),
            ("max_depth", depth),
            ("eta", "0.05"),
            ("subsample", "0.7"),
            ("colsample_bytree", "0.5"),
            ("min_child_weight", "5"),
            ("lambda", "10"),
        ];
        common(text(&shape), rounds)
    };
    vec![
        ("linear, lambda 0.1", linear("0.1")),
        (PLAIN, linear("1")),
        ("linear, lambda 10", linear("10")),
        ("trees of depth 2, 80 rounds", trees("2", 80)),
        ("trees of depth 3, 150 rounds", trees("3", 150)),
    ]
}

/// Rows of one repository, ranked among themselves.
#[derive(Clone)]
pub struct Ranked<'r> {
    pub rows: Vec<&'r Row>,
    pub group: &'r str,
    /// The ranks of the inputs.
    pub inputs: Vec<f32>,
    /// What the model sees.
    pub columns: Vec<f32>,
}

/// Which of a repository's figures a model is given.
type Pick = for<'p> fn(&'p Ranked<'_>) -> &'p [f32];

/// Ranks every repository's tests among themselves. Repositories in which nothing is labelled are left out.
pub fn ranked(rows: &[Row]) -> Vec<Ranked<'_>> {
    let mut by_repo: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        by_repo.entry(&row.repo).or_default().push(row);
    }
    by_repo
        .into_values()
        .filter(|rows| rows.iter().any(|row| row.is_flaky()))
        .map(|rows| {
            let values: Vec<[f32; INPUTS]> = rows.iter().map(|row| row.inputs).collect();
            let inputs = ranks(&values);
            Ranked { group: &rows[0].group, columns: columns(inputs.clone()), inputs, rows }
        })
        .collect()
}

/// Trains on some repositories. Each repository weighs the same, and so do its two classes.
///
/// # Errors
/// XGBoost refuses.
pub fn fit(recipe: &Recipe, parts: &[&Ranked<'_>]) -> Result<Model, BoostError> {
    fit_on(recipe, parts, COLUMNS, |part| &part.columns)
}

fn fit_on(recipe: &Recipe, parts: &[&Ranked<'_>], width: usize, pick: Pick) -> Result<Model, BoostError> {
    let (mut inputs, mut labels, mut weights) = (vec![], vec![], vec![]);
    for part in parts {
        let flaky = part.rows.iter().filter(|row| row.is_flaky()).count();
        let stable = part.rows.len() - flaky;
        if flaky == 0 || stable == 0 {
            continue;
        }
        inputs.extend_from_slice(pick(part));
        // a repository's weight grows with the root of its evidence: one label says less than fifty
        let whole = (flaky as f32).sqrt();
        for row in &part.rows {
            let is_flaky = row.is_flaky();
            labels.push(f32::from(u8::from(is_flaky)));
            weights.push(whole / if is_flaky { flaky as f32 } else { stable as f32 });
        }
    }
    let scale = weights.len() as f32 / weights.iter().sum::<f32>();
    weights.iter_mut().for_each(|weight| *weight *= scale);
    Model::train(recipe, &inputs, width, &labels, &weights)
}

/// Evaluates all recipes and baselines on a table.
///
/// # Errors
/// XGBoost refuses.
pub fn evaluate(rows: &[Row], data_hash: String, progress: &dyn Fn(&str)) -> Result<Report, BoostError> {
    let parts = ranked(rows);
    let judge = |name: &str, recipe: &Recipe, width: usize, pick: Pick| {
        progress(&format!("evaluating {name}"));
        let scores = across(recipe, &parts, &parts, width, pick)?;
        Ok::<_, BoostError>(figures(name, &parts, &scores))
    };
    let mut candidates = vec![];
    for (name, recipe) in recipes() {
        candidates.push(judge(name, &recipe, COLUMNS, |part| &part.columns)?);
    }
    let without = recipes().into_iter().find(|(name, _)| *name == PLAIN).map(|(_, recipe)| recipe);
    let without = without.map(|recipe| {
        judge("linear, lambda 1, without how far a test stands apart", &recipe, INPUTS, |part| &part.inputs)
    });
    let by_input = |name: &str, pick: &dyn Fn(&Row) -> f32| {
        let scores: Vec<Vec<f32>> =
            parts.iter().map(|part| part.rows.iter().map(|row| pick(row)).collect()).collect();
        figures(name, &parts, &scores)
    };
    let feature = |row: &Row, name: &str| features::index_of(name).map_or(0.0, |index| row.inputs[index]);
    let findings = |row: &Row| {
        ["findings_critical", "findings_high", "findings_medium", "findings_low"]
            .iter()
            .map(|name| feature(row, name))
            .sum()
    };
    let severity = |row: &Row| {
        let grades = ["findings_low", "findings_medium", "findings_high", "findings_critical"];
        grades.iter().rposition(|name| feature(row, name) > 0.0).map_or(0.0, |grade| grade as f32 + 1.0)
    };
    let mut baselines = vec![
        by_input("lines of code", &|row| row.inputs[features::COUNT + 2]),
        by_input("number of findings", &findings),
        by_input("highest severity", &severity),
        by_input("nothing (hash of the name)", &|row| {
            f32::from(u16::from_le_bytes([
                blake3::hash(row.test_id.as_bytes()).as_bytes()[0],
                blake3::hash(row.test_id.as_bytes()).as_bytes()[1],
            ]))
        }),
    ];
    let apart: Vec<Vec<f32>> = parts
        .iter()
        .map(|part| part.columns.chunks(COLUMNS).map(|row| row[INPUTS..].iter().sum()).collect())
        .collect();
    baselines.push(figures("how far a test stands apart, untrained", &parts, &apart));
    baselines.extend(without.transpose()?);
    let tests: usize = parts.iter().map(|part| part.rows.len()).sum();
    let flaky = parts.iter().flat_map(|part| &part.rows).filter(|row| row.is_flaky()).count();
    let groups: BTreeSet<_> = parts.iter().map(|part| part.group).collect();
    Ok(Report {
        feature_schema: features::SCHEMA,
        data_hash,
        repositories: parts.len(),
        groups: groups.len(),
        tests,
        flaky,
        base_rate: flaky as f64 / tests.max(1) as f64,
        folds: FOLDS,
        candidates,
        baselines,
        mined: vec![],
        hunted: vec![],
        adaptation: vec![],
    })
}

/// Ranks listed and mined tests by the same recipe, trained on the listed alone and on both; of a group only one side.
///
/// # Errors
/// XGBoost refuses.
pub fn with_mined(recipe: &Recipe, listed: &[Row], mined: &[Row]) -> Result<Vec<Figures>, BoostError> {
    let (listed, mined) = (ranked(listed), ranked(mined));
    let both: Vec<Ranked<'_>> = listed.iter().chain(&mined).cloned().collect();
    let mut out = vec![];
    for (name, training) in [("trained on the listed", &listed), ("trained on both", &both)] {
        for (tests, judged) in [("listed", &listed), ("mined", &mined)] {
            let scores = across(recipe, training, judged, COLUMNS, |part| &part.columns)?;
            out.push(figures(&format!("{tests} tests, {name}"), judged, &scores));
        }
    }
    Ok(out)
}

/// Ranks the tests of hunted repositories by the same recipe, trained on the listed labels and on whole ones, judged by
/// either.
///
/// # Errors
/// XGBoost refuses.
pub fn with_hunted(recipe: &Recipe, listed: &[Row]) -> Result<Vec<Figures>, BoostError> {
    let whole = hunted::whole(listed);
    let (on_list, on_whole) = (ranked(listed), ranked(&whole));
    let are_hunted: BTreeSet<&str> =
        listed.iter().filter(|row| row.hunted.is_some()).map(|row| &*row.repo).collect();
    let mut of_hunted = [on_list.clone(), on_whole.clone()];
    for parts in &mut of_hunted {
        parts.retain(|part| are_hunted.contains(&*part.rows[0].repo));
    }
    let mut out = vec![];
    for (labels, judged) in ["listed", "whole"].into_iter().zip(of_hunted) {
        for (name, training) in [("the list", &on_list), ("whole labels", &on_whole)] {
            let scores = across(recipe, training, &judged, COLUMNS, |part| &part.columns)?;
            out.push(figures(&format!("{labels} labels, trained on {name}"), &judged, &scores));
        }
    }
    Ok(out)
}

/// What models that have not seen a group say of its tests.
fn across(
    recipe: &Recipe,
    training: &[Ranked<'_>],
    judged: &[Ranked<'_>],
    width: usize,
    pick: Pick,
) -> Result<Vec<Vec<f32>>, BoostError> {
    let folds = Folds::new(training.iter().chain(judged));
    let mut scores: Vec<Vec<f32>> = judged.iter().map(|_| vec![]).collect();
    for fold in 0..FOLDS {
        let seen: Vec<&Ranked<'_>> = training.iter().filter(|part| folds.of(part) != fold).collect();
        let model = fit_on(recipe, &seen, width, pick)?;
        for (scores, part) in scores.iter_mut().zip(judged).filter(|(_, part)| folds.of(part) == fold) {
            *scores = model.margins(pick(part))?;
        }
    }
    Ok(scores)
}

/// Candidates this near to the best rank as well as it.
const AS_GOOD: f64 = 0.002;

/// The recipe of the candidate that ranks best; of several as good the first, whose figures are spread the widest.
pub fn best(report: &Report) -> (&'static str, Recipe) {
    let most = report.candidates.iter().map(|figures| figures.auc).fold(0.0, f64::max);
    let good = report.candidates.iter().find(|figures| figures.auc > most - AS_GOOD);
    let name = good.map_or("", |figures| figures.name.as_str());
    let mut recipes = recipes();
    let place = recipes.iter().position(|(known, _)| *known == name).unwrap_or(0);
    recipes.swap_remove(place)
}

/// Deals groups to folds by their hash, so that no group stands on two sides and no order matters.
pub(super) struct Folds<'r>(Vec<(blake3::Hash, &'r str)>);

impl<'r> Folds<'r> {
    pub(super) fn new<'p>(parts: impl IntoIterator<Item = &'p Ranked<'r>>) -> Folds<'r>
    where
        'r: 'p,
    {
        let mut groups: Vec<(blake3::Hash, &str)> =
            parts.into_iter().map(|part| (blake3::hash(part.group.as_bytes()), part.group)).collect();
        groups.sort_by_key(|(hash, _)| *hash.as_bytes());
        groups.dedup();
        Folds(groups)
    }

    pub(super) fn of(&self, part: &Ranked<'_>) -> usize {
        self.0.iter().position(|(_, group)| *group == part.group).unwrap_or(0) % FOLDS
    }
}

fn figures(name: &str, parts: &[Ranked<'_>], scores: &[Vec<f32>]) -> Figures {
    let within = |counts: &dyn Fn(&Row) -> Option<bool>| -> Vec<f64> {
        parts
            .iter()
            .zip(scores)
            .filter_map(|(part, scores)| {
                let (scores, labels): (Vec<f32>, Vec<bool>) = part
                    .rows
                    .iter()
                    .zip(scores)
                    .filter_map(|(row, score)| Some((*score, counts(row)?)))
                    .unzip();
                roc_auc(&scores, &labels)
            })
            .collect()
    };
    let mut all = within(&|row| Some(row.is_flaky()));
    let (auc, standard_error) = mean(&all);
    let by_category = CATEGORIES
        .into_iter()
        .map(|category| {
            let only = |row: &Row| match row.category.as_str() {
                "" => Some(false),
                own => (own == category).then_some(true),
            };
            (category, mean(&within(&only)).0)
        })
        .collect();
    let pooled_scores: Vec<f32> = scores.iter().flatten().copied().collect();
    let pooled_labels: Vec<bool> =
        parts.iter().flat_map(|part| &part.rows).map(|row| row.is_flaky()).collect();
    let curves: Vec<[f64; RATES]> = parts
        .iter()
        .zip(scores)
        .filter_map(|(part, scores)| {
            roc(scores, &part.rows.iter().map(|row| row.is_flaky()).collect::<Vec<_>>())
        })
        .collect();
    let curve = |step: usize| mean(&curves.iter().map(|curve| curve[step]).collect::<Vec<_>>()).0;
    all.sort_by(f64::total_cmp);
    let short = |value: f64| (value * 1e4).round() / 1e4;
    Figures {
        name: name.to_owned(),
        auc,
        standard_error,
        by_category,
        repositories: all.len(),
        below_half: all.iter().filter(|value| **value < 0.5).count(),
        pooled_auc: roc_auc(&pooled_scores, &pooled_labels).unwrap_or(0.5),
        average_precision: average_precision(&pooled_scores, &pooled_labels).unwrap_or(0.0),
        spread: all.iter().copied().map(short).collect(),
        roc: (0..RATES).map(curve).map(short).collect(),
    }
}
