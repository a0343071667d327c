//! Rehearsals of adaptation on labelled repositories: some outcomes are taken as known, the rest are predicted.
//! What trains the stack, and the honest figures of it, repositories apart. Draws follow from hashes, so the same table
//! gives the same report.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use serde::Serialize;

use super::dataset::{Outcome, Row as Labelled};
use super::evaluate::{self, FOLDS, Folds, Ranked};
use super::evidence::{EVIDENCE, Known, Row, Siblings, gather};
use super::kin::Kin;
use super::metrics::{calibration, calibration_error, f1, mean, roc_auc};
use super::model::{BoostError, Model, Recipe};
use super::prior::sigmoid;
use super::ranks::rank;

/// What is taken as known.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Taken {
    /// This share of all tests, at random.
    Share(f64),
    /// So many flaky tests, and nothing else.
    Flaky(usize),
    /// What a hunt showed of the tests in half of the files.
    Hunted,
}

/// What the stack is trained on.
const LESSONS: [Taken; 7] = [
    Taken::Share(0.05),
    Taken::Share(0.1),
    Taken::Share(0.25),
    Taken::Share(0.5),
    Taken::Share(0.75),
    Taken::Flaky(1),
    Taken::Flaky(3),
];
/// What figures are called whose known outcomes a hunt of half the files brought.
pub const AFTER_A_HUNT: &str = "half of the files hunted";
/// What it is judged by.
const JUDGED: [(&str, Taken); 6] = [
    ("10% known", Taken::Share(0.1)),
    ("25% known", Taken::Share(0.25)),
    ("50% known", Taken::Share(0.5)),
    ("one known flaky test", Taken::Flaky(1)),
    ("three known flaky tests", Taken::Flaky(3)),
    (AFTER_A_HUNT, Taken::Hunted),
];
/// Draws of each kind; the figures of a tenth known need many.
const REPETITIONS: usize = 20;
/// The share of flaky tests that a class or file of one known test is thought to have.
const SMOOTH: f32 = 0.05;
/// A repository that is judged has so many tests, and so many flaky ones.
const JUDGEABLE: (usize, usize) = (30, 4);
/// Runs that a label stands for.
const RUNS: u32 = 100;

/// One situation and how well the unknown tests were ranked in it. AUC is ROC-AUC within a repository, mean over draws,
/// then over repositories.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    pub known: &'static str,
    pub repositories: usize,
    pub auc: f64,
    pub standard_error: f64,
    /// The mean outcome of the class, else of the file, alone.
    pub siblings: f64,
    /// The kernel regression alone.
    pub kernel: f64,
    pub prior: f64,
    /// Only tests in classes (files, where there is none) of which no outcome was known.
    pub in_new_classes: f64,
    /// Expected calibration error over ten bins, pooled.
    pub calibration_error: f64,
    /// Of each tenth of probabilities: the mean of what was said, the share that is flaky, and how many tests.
    pub calibration: Vec<[f64; 3]>,
    /// At the threshold that is best on the training repositories, pooled.
    pub f1: f64,
}

/// A repository with what the prior of other repositories says about it.
struct Scene<'r> {
    part: &'r Ranked<'r>,
    kin: Kin,
    prior: Vec<f32>,
}

/// How the stack is trained: where more of a piece of evidence can only speak for the test being flaky, more of it may
/// not lower the risk.
fn recipe() -> Recipe {
    let directions: Vec<&str> =
        EVIDENCE.iter().map(|name| if name.starts_with("known") { "0" } else { "1" }).collect();
    let directions = format!("({})", directions.join(","));
    let parameters = [
        ("objective", "binary:logistic"),
        ("booster", "gbtree"),
        ("max_depth", "3"),
        ("eta", "0.08"),
        ("subsample", "0.7"),
        ("colsample_bytree", "0.6"),
        ("min_child_weight", "20"),
        ("lambda", "10"),
        ("seed", "7"),
        ("monotone_constraints", &directions),
        ("nthread", "2"),
        ("verbosity", "0"),
    ];
    Recipe { parameters: parameters.map(|(name, value)| (name, value.to_owned())).to_vec(), rounds: 120 }
}

/// The stack trained on all repositories, and its figures on repositories that it had not seen. `prior` is the recipe
/// of the prior.
///
/// # Errors
/// XGBoost refuses.
pub fn rehearse(parts: &[Ranked<'_>], prior: &Recipe) -> Result<(Model, Vec<Figures>), BoostError> {
    let folds = Folds::new(parts);
    let folds: Vec<usize> = parts.iter().map(|part| folds.of(part)).collect();
    let scenes = scenes(parts, &folds, prior)?;
    let lessons: Vec<Lesson> = scenes.par_iter().map(lessons).collect();
    let mut judged = vec![Judged::default(); JUDGED.len()];
    for fold in 0..FOLDS {
        let training: Vec<&Lesson> =
            lessons.iter().zip(&folds).filter(|(_, own)| **own != fold).map(|(lesson, _)| lesson).collect();
        let model = fit(&training)?;
        let threshold = best_threshold(&model, &training)?;
        for (scene, _) in scenes.iter().zip(&folds).filter(|(_, own)| **own == fold) {
            for (place, (_, taken)) in JUDGED.iter().enumerate() {
                if scene.is_judgeable(*taken) {
                    judged[place].add(scene, *taken, &model, threshold)?;
                }
            }
        }
    }
    let mut figures: Vec<Figures> =
        JUDGED.iter().zip(judged).map(|((name, _), judged)| judged.figures(name)).collect();
    figures.retain(|figures| figures.repositories > 0);
    Ok((fit(&lessons.iter().collect::<Vec<_>>())?, figures))
}

fn scenes<'r>(
    parts: &'r [Ranked<'r>],
    folds: &[usize],
    prior: &Recipe,
) -> Result<Vec<Scene<'r>>, BoostError> {
    let mut out: Vec<Option<Scene<'r>>> = parts.iter().map(|_| None).collect();
    for fold in 0..FOLDS {
        let training: Vec<&Ranked<'_>> =
            parts.iter().zip(folds).filter(|(_, own)| **own != fold).map(|(part, _)| part).collect();
        let model = evaluate::fit(prior, &training)?;
        for (place, part) in parts.iter().enumerate().filter(|(place, _)| folds[*place] == fold) {
            let ids: Vec<&str> = part.rows.iter().map(|row| row.test_id.as_str()).collect();
            let terms: Vec<_> = part.rows.iter().map(|row| row.terms.clone()).collect();
            let states: Vec<_> = part.rows.iter().map(|row| row.states.clone()).collect();
            let kin = Kin::new(&ids, &terms, &states, part.inputs.clone());
            out[place] = Some(Scene { part, kin, prior: rank(&model.margins(&part.columns)?) });
        }
    }
    Ok(out.into_iter().flatten().collect())
}

impl Scene<'_> {
    fn is_judgeable(&self, taken: Taken) -> bool {
        let rows = &self.part.rows;
        if taken == Taken::Hunted {
            return rows.iter().any(|row| row.hunted.is_some());
        }
        rows.len() >= JUDGEABLE.0 && rows.iter().filter(|row| row.is_flaky()).count() >= JUDGEABLE.1
    }

    /// A number from 0 to 1 for a test or file in one draw.
    fn lot(&self, id: &str, tag: &str) -> f64 {
        let hash = blake3::hash(format!("{}\n{id}\n{tag}", self.part.rows[0].repo).as_bytes());
        let [a, b, c, d, ..] = *hash.as_bytes();
        f64::from(u32::from_le_bytes([a, b, c, d])) / f64::from(u32::MAX)
    }

    /// Every other file by lot.
    fn half_of_the_files(&self, tag: &str) -> BTreeSet<&str> {
        let files: BTreeSet<&str> = self.part.rows.iter().map(|row| file(&row.test_id)).collect();
        let mut files: Vec<&str> = files.into_iter().collect();
        files.sort_by(|a, b| self.lot(a, tag).total_cmp(&self.lot(b, tag)));
        files.truncate(files.len() / 2);
        files.into_iter().collect()
    }

    /// What is known in one draw; nothing where the repository is too small for it.
    fn draw(&self, taken: Taken, tag: &str) -> Option<Vec<Option<Known>>> {
        let tag = format!("{taken:?} {tag}");
        let rows = &self.part.rows;
        let lots: Vec<f64> = rows.iter().map(|row| self.lot(&row.test_id, &tag)).collect();
        let chosen: Vec<bool> = match taken {
            Taken::Share(share) => lots.iter().map(|lot| *lot < share).collect(),
            Taken::Flaky(count) => {
                let mut flaky: Vec<usize> = (0..rows.len()).filter(|test| rows[*test].is_flaky()).collect();
                flaky.sort_by(|a, b| lots[*a].total_cmp(&lots[*b]));
                flaky.truncate(count);
                (flaky.len() == count).then(|| (0..rows.len()).map(|test| flaky.contains(&test)).collect())?
            }
            Taken::Hunted => {
                let files = self.half_of_the_files(&tag);
                let told =
                    |row: &&Labelled| matches!(row.hunted, Some((Outcome::Stable | Outcome::Unstable, _)));
                rows.iter().map(|row| told(row) && files.contains(file(&row.test_id))).collect()
            }
        };
        let known = chosen.iter().filter(|chosen| **chosen).count();
        let least = if matches!(taken, Taken::Flaky(_)) { 1 } else { 2 };
        let of = |row: &Labelled| match (taken, row.hunted) {
            (Taken::Hunted, Some((outcome, runs))) => Known { flaky: outcome == Outcome::Unstable, runs },
            _ => Known { flaky: row.is_flaky(), runs: RUNS },
        };
        (known >= least && rows.len() - known >= 2)
            .then(|| rows.iter().zip(chosen).map(|(row, chosen)| chosen.then(|| of(row))).collect())
    }

    /// Evidence and truth of the tests that are not known.
    fn unknown(&self, known: &[Option<Known>]) -> (Vec<usize>, Vec<Row>, Vec<bool>) {
        let gathered = gather(&self.kin, &self.prior, known);
        let tests: Vec<usize> = (0..known.len()).filter(|test| known[*test].is_none()).collect();
        let rows = tests.iter().map(|test| gathered[*test].0).collect();
        let truth = tests.iter().map(|test| self.part.rows[*test].is_flaky()).collect();
        (tests, rows, truth)
    }
}

/// The file of a test id.
fn file(id: &str) -> &str {
    id.split("::").next().unwrap_or(id)
}

/// What one repository teaches: rows, their truth, and the weight of each.
struct Lesson {
    rows: Vec<Row>,
    truth: Vec<bool>,
    weight: f32,
}

fn lessons(scene: &Scene<'_>) -> Lesson {
    let mut lesson = Lesson { rows: vec![], truth: vec![], weight: 0.0 };
    let repetitions = if scene.part.rows.len() > 400 { 1 } else { 3 };
    for taken in LESSONS {
        for repetition in 0..repetitions {
            let Some(known) = scene.draw(taken, &format!("lesson {repetition}")) else { continue };
            let (_, rows, truth) = scene.unknown(&known);
            lesson.rows.extend(rows);
            lesson.truth.extend(truth);
        }
    }
    // one flaky test says less than fifty
    let flaky = scene.part.rows.iter().filter(|row| row.is_flaky()).count();
    lesson.weight = (flaky as f32).sqrt() / lesson.rows.len().max(1) as f32;
    lesson
}

fn fit(lessons: &[&Lesson]) -> Result<Model, BoostError> {
    let rows: Vec<f32> = lessons.iter().flat_map(|lesson| &lesson.rows).flatten().copied().collect();
    let truth: Vec<f32> =
        lessons.iter().flat_map(|lesson| &lesson.truth).map(|flaky| f32::from(u8::from(*flaky))).collect();
    let total: f32 = lessons.iter().map(|lesson| lesson.weight * lesson.rows.len() as f32).sum();
    let scale = truth.len() as f32 / total;
    let weights: Vec<f32> =
        lessons.iter().flat_map(|lesson| lesson.rows.iter().map(move |_| lesson.weight * scale)).collect();
    Model::train(&recipe(), &rows, EVIDENCE.len(), &truth, &weights)
}

fn predict(model: &Model, rows: &[Row]) -> Result<Vec<f32>, BoostError> {
    let flat: Vec<f32> = rows.iter().flatten().copied().collect();
    Ok(model.margins(&flat)?.into_iter().map(sigmoid).collect())
}

fn best_threshold(model: &Model, lessons: &[&Lesson]) -> Result<f32, BoostError> {
    let (mut risks, mut truth) = (vec![], vec![]);
    for lesson in lessons {
        risks.extend(predict(model, &lesson.rows)?);
        truth.extend_from_slice(&lesson.truth);
    }
    let at = |threshold: f32| f1(&risks, &truth, threshold);
    let steps = (1..50).map(|step| step as f32 / 50.0);
    Ok(steps.max_by(|a, b| at(*a).total_cmp(&at(*b))).unwrap_or(0.5))
}

/// What was seen in one situation: per repository the AUC of each draw, and all predictions pooled.
#[derive(Clone, Default)]
struct Judged {
    by_repo: BTreeMap<String, Vec<[Option<f64>; 5]>>,
    risks: Vec<f32>,
    truth: Vec<bool>,
    called: Vec<bool>,
}

impl Judged {
    fn add(
        &mut self,
        scene: &Scene<'_>,
        taken: Taken,
        model: &Model,
        threshold: f32,
    ) -> Result<(), BoostError> {
        for repetition in 0..REPETITIONS {
            let Some(known) = scene.draw(taken, &format!("judged {repetition}")) else { continue };
            let (tests, rows, truth) = scene.unknown(&known);
            let risks = predict(model, &rows)?;
            let column = |name: &str| {
                let place = EVIDENCE.iter().position(|known| *known == name).unwrap_or(0);
                rows.iter().map(|row| row[place]).collect::<Vec<f32>>()
            };
            let beside = Siblings::new(&scene.kin, &known);
            let mut new = vec![];
            let siblings: Vec<f32> = tests
                .iter()
                .map(|test| {
                    let [class, file] = [0, 1].map(|level| beside.of(&scene.kin, *test, level));
                    new.push(class.1 == 0.0);
                    let share = |(flaky, count): (f32, f32)| (flaky + SMOOTH) / (count + 1.0);
                    if class.1 > 0.0 { share(class) } else { share(file) }
                })
                .collect();
            let (new_risks, new_truth): (Vec<f32>, Vec<bool>) =
                (0..tests.len()).filter(|row| new[*row]).map(|row| (risks[row], truth[row])).unzip();
            self.by_repo.entry(scene.part.rows[0].repo.clone()).or_default().push([
                roc_auc(&risks, &truth),
                roc_auc(&siblings, &truth),
                roc_auc(&column("kernel_share"), &truth),
                roc_auc(&column("prior"), &truth),
                roc_auc(&new_risks, &new_truth),
            ]);
            self.called.extend(risks.iter().map(|risk| *risk >= threshold));
            self.risks.extend(risks);
            self.truth.extend(truth);
        }
        Ok(())
    }

    fn figures(self, known: &'static str) -> Figures {
        let of = |place: usize| {
            let means: Vec<f64> = self
                .by_repo
                .values()
                .filter_map(|draws| {
                    let seen: Vec<f64> = draws.iter().filter_map(|draw| draw[place]).collect();
                    (!seen.is_empty()).then(|| mean(&seen).0)
                })
                .collect();
            (means.len(), mean(&means))
        };
        let (repositories, (auc, standard_error)) = of(0);
        let called: Vec<f32> = self.called.iter().map(|called| f32::from(u8::from(*called))).collect();
        Figures {
            known,
            repositories,
            auc,
            standard_error,
            siblings: of(1).1.0,
            kernel: of(2).1.0,
            prior: of(3).1.0,
            in_new_classes: of(4).1.0,
            calibration_error: calibration_error(&self.risks, &self.truth),
            calibration: calibration(&self.risks, &self.truth),
            f1: f1(&called, &self.truth, 0.5),
        }
    }
}
