//! What the known outcomes of a repository say about each of its tests, by likeness and around what the prior says. One
//! row of [`EVIDENCE`] a test, whether its own outcome is known or not: its own never counts.

use rayon::prelude::*;

use super::kin::Kin;
use super::prior::sigmoid;
use super::ranks::rank;

/// What is known of a test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Known {
    pub flaky: bool,
    /// Runs that it was seen in.
    pub runs: u32,
}

/// The columns, in their order.
pub(super) const EVIDENCE: [&str; 7] = [
    "prior",
    "known_share_flaky",
    "known_tests",
    "known_flaky",
    "kernel_margin",
    "kernel_rank",
    "kernel_share",
];

/// One row of evidence.
pub(super) type Row = [f32; EVIDENCE.len()];

/// A test with a known outcome, and how alike its code is, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Near {
    pub test: usize,
    pub likeness: f32,
    pub flaky: bool,
}

/// So many known tests are compared with at most; more say little that these do not.
const ANCHORS: usize = 1000;
/// So many comparisons are made in all, but for the first few hundred known tests.
const COMPARISONS: usize = 30_000_000;
/// How much a known outcome is believed: the ridge of the kernel regression.
const RIDGE: f32 = 2.0;
/// Outcomes that every repository is thought to have had, and the share of flaky ones among them.
const BEFORE: (f32, f32) = (20.0, 0.05);
/// The nearest that are kept.
const NEAREST: usize = 10;
/// With so many known outcomes likeness counts half by itself and half by its square: who knows much listens to the near.
const SHARPENED: f32 = 50.0;
/// How far outcomes move the log-odds, and how far the prior does.
const AMPLITUDE: f32 = 1.5;
const PRIOR: f32 = 0.75;

/// The evidence of every test, and its nearest tests of known outcome. `prior` is each test's rank by the prior, from
/// 0 to 1.
pub(super) fn gather(kin: &Kin, prior: &[f32], known: &[Option<Known>]) -> Vec<(Row, Vec<Near>)> {
    let all: Vec<(usize, Known)> =
        known.iter().enumerate().filter_map(|(test, known)| Some((test, (*known)?))).collect();
    let flaky = all.iter().filter(|(_, known)| known.flaky).count();
    let base = ((flaky as f32 + BEFORE.0 * BEFORE.1) / (all.len() as f32 + BEFORE.0)).clamp(0.002, 0.98);
    let anchors = anchors(all.clone(), (COMPARISONS / kin.count().max(1)).clamp(300, ANCHORS));
    let regression = Regression::new(kin, &anchors, base, prior);
    let found: Vec<([f32; 2], Vec<Near>)> = (0..kin.count())
        .into_par_iter()
        .map(|test| {
            let (mut margin, mut share) = (regression.log_odds(prior[test]), regression.share(prior[test]));
            let mut near: Vec<Near> = Vec::with_capacity(NEAREST + 1);
            for (place, (anchor, known)) in
                anchors.iter().enumerate().filter(|(_, (anchor, _))| *anchor != test)
            {
                let text = kin.text(test, *anchor);
                let alike = regression.sharpened(kin.alike(test, *anchor, text));
                margin += AMPLITUDE * alike * regression.logistic[place];
                share += alike * regression.linear[place];
                let before = near.partition_point(|other| other.likeness >= text);
                if before < NEAREST && text > 0.0 {
                    near.insert(before, Near { test: *anchor, likeness: text, flaky: known.flaky });
                    near.truncate(NEAREST);
                }
            }
            ([margin, share], near)
        })
        .collect();
    let ranks = rank(&found.iter().map(|([margin, _], _)| *margin).collect::<Vec<_>>());
    let rows = found.into_iter().zip(ranks).zip(prior);
    rows.map(|((([margin, share], near), rank), prior)| {
        ([*prior, log_odds(base), (all.len() as f32).ln_1p(), flaky as f32, margin, rank, share], near)
    })
    .collect()
}

fn log_odds(share: f32) -> f32 {
    let share = share.clamp(0.002, 0.998);
    (share / (1.0 - share)).ln()
}

/// What known outcomes say by likeness, around what the prior says: a Gaussian process over outcomes as log-odds (Laplace's
/// approximation, Rasmussen and Williams 2006, algorithm 3.1) and one over them as plain numbers.
struct Regression {
    base: f32,
    /// How much the square of a likeness counts, and the mean likeness of a test with itself.
    square: f32,
    own: f32,
    /// One weight an anchor.
    logistic: Vec<f32>,
    linear: Vec<f32>,
}

impl Regression {
    fn new(kin: &Kin, anchors: &[(usize, Known)], base: f32, prior: &[f32]) -> Regression {
        let count = anchors.len();
        let own =
            anchors.iter().map(|(test, _)| kin.alike(*test, *test, kin.text(*test, *test))).sum::<f32>();
        let mut out = Regression {
            base,
            square: count as f32 / (count as f32 + SHARPENED),
            own: own / count.max(1) as f32,
            logistic: vec![],
            linear: vec![],
        };
        let alike: Vec<f32> = (0..count)
            .into_par_iter()
            .flat_map_iter(|row| {
                let (out, a) = (&out, anchors[row].0);
                anchors.iter().map(move |(b, _)| out.sharpened(kin.alike(a, *b, kin.text(a, *b))))
            })
            .collect();
        let truth: Vec<f32> = anchors.iter().map(|(_, known)| f32::from(u8::from(known.flaky))).collect();
        // few runs say less
        let doubt: Vec<f32> = anchors.iter().map(|(_, known)| 1.0 + 2.0 / known.runs.max(1) as f32).collect();
        let means = |mean: &dyn Fn(f32) -> f32| {
            anchors.iter().map(|(test, _)| mean(prior[*test])).collect::<Vec<_>>()
        };
        let surprise: Vec<f32> =
            truth.iter().zip(means(&|prior| out.share(prior))).map(|(truth, mean)| truth - mean).collect();
        let ridge: Vec<f32> = doubt.iter().map(|doubt| RIDGE * doubt).collect();
        out.linear = solve(&|at| times(&alike, at, 1.0), &ridge, &surprise);
        out.logistic = logistic(&alike, &truth, &doubt, &means(&|prior| out.log_odds(prior)));
        out
    }

    fn sharpened(&self, alike: f32) -> f32 {
        (1.0 - self.square) * alike + self.square * alike * alike / self.own.max(f32::MIN_POSITIVE)
    }

    fn share(&self, prior: f32) -> f32 {
        self.base * (1.0 + 2.0 * PRIOR * (prior - 0.5))
    }

    fn log_odds(&self, prior: f32) -> f32 {
        log_odds(self.base) + PRIOR * (prior - 0.5)
    }
}

/// The gradient of the outcomes' likelihood where it and the process agree, one value an anchor.
fn logistic(alike: &[f32], truth: &[f32], doubt: &[f32], mean: &[f32]) -> Vec<f32> {
    let count = truth.len();
    let gradient = |odds: &[f32]| -> Vec<f32> {
        (0..count).map(|at| (truth[at] - sigmoid(odds[at])) / doubt[at]).collect()
    };
    let mut odds = mean.to_vec();
    for _ in 0..12 {
        let slope = gradient(&odds);
        let weight: Vec<f32> = (0..count)
            .map(|at| (sigmoid(odds[at]) * (1.0 - sigmoid(odds[at])) / doubt[at]).max(1e-6))
            .collect();
        let root: Vec<f32> = weight.iter().map(|weight| weight.sqrt()).collect();
        let towards: Vec<f32> = (0..count).map(|at| weight[at] * (odds[at] - mean[at]) + slope[at]).collect();
        let scaled = |at: &[f32]| -> Vec<f32> {
            let inner: Vec<f32> = at.iter().zip(&root).map(|(value, root)| value * root).collect();
            times(alike, &inner, AMPLITUDE).iter().zip(&root).map(|(value, root)| value * root).collect()
        };
        let right: Vec<f32> =
            times(alike, &towards, AMPLITUDE).iter().zip(&root).map(|(value, root)| value * root).collect();
        let solved = solve(&scaled, &vec![1.0; count], &right);
        let step: Vec<f32> = (0..count).map(|at| towards[at] - root[at] * solved[at]).collect();
        let next: Vec<f32> =
            times(alike, &step, AMPLITUDE).iter().zip(mean).map(|(value, mean)| value + mean).collect();
        let moved = next.iter().zip(&odds).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        odds = next;
        if moved < 1e-3 {
            break;
        }
    }
    gradient(&odds)
}

/// A square matrix, row after row, times a vector and a factor.
fn times(matrix: &[f32], vector: &[f32], factor: f32) -> Vec<f32> {
    let row = |row: &[f32]| factor * row.iter().zip(vector).map(|(a, b)| a * b).sum::<f32>();
    if vector.len() < 200 {
        return matrix.chunks(vector.len().max(1)).map(row).collect();
    }
    matrix.par_chunks(vector.len()).map(row).collect()
}

/// All flaky ones first, then stable ones in an order that does not depend on where they stand.
fn anchors(mut all: Vec<(usize, Known)>, most: usize) -> Vec<(usize, Known)> {
    if all.len() > most {
        let shuffled = |test: usize| (test as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
        all.sort_by_key(|(test, known)| (!known.flaky, shuffled(*test)));
        all.truncate(most);
    }
    all
}

/// Solves `(matrix + diagonal) x = target`, which is symmetric and positive definite, by conjugate gradients.
fn solve(matrix: &dyn Fn(&[f32]) -> Vec<f32>, diagonal: &[f32], target: &[f32]) -> Vec<f32> {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(x * y)).sum::<f64>();
    let mut out = vec![0.0_f32; target.len()];
    let mut rest = target.to_vec();
    let mut way = rest.clone();
    let mut size = dot(&rest, &rest);
    let enough = size * 1e-8;
    for _ in 0..200 {
        if size <= enough {
            break;
        }
        let mut moved = matrix(&way);
        moved
            .iter_mut()
            .zip(diagonal)
            .zip(&way)
            .for_each(|((moved, diagonal), way)| *moved += diagonal * way);
        let step = (size / dot(&way, &moved)) as f32;
        for index in 0..out.len() {
            out[index] += step * way[index];
            rest[index] -= step * moved[index];
        }
        let next = dot(&rest, &rest);
        let keep = (next / size) as f32;
        way.iter_mut().zip(&rest).for_each(|(way, rest)| *way = rest + keep * *way);
        size = next;
    }
    out
}

/// Known and flaky tests of each class, file and folder: what others go by, and the baseline of rehearsals.
pub(super) struct Siblings {
    levels: [Vec<(f32, f32)>; 3],
}

impl Siblings {
    pub(super) fn new(kin: &Kin, known: &[Option<Known>]) -> Siblings {
        let places =
            (0..kin.count()).flat_map(|test| kin.place(test)).max().map_or(0, |most| most as usize + 1);
        let mut levels = [0, 1, 2].map(|_| vec![(0.0, 0.0); places]);
        let known = known.iter().enumerate().filter_map(|(test, known)| Some((test, (*known)?)));
        for (test, known) in known {
            for (level, place) in kin.place(test).into_iter().enumerate() {
                let entry = &mut levels[level][place as usize];
                entry.0 += f32::from(u8::from(known.flaky));
                entry.1 += 1.0;
            }
        }
        Siblings { levels }
    }

    /// Flaky and known ones in the class (0), file (1) or folder (2) of a test whose own outcome is not known.
    pub(super) fn of(&self, kin: &Kin, test: usize, level: usize) -> (f32, f32) {
        self.levels[level][kin.place(test)[level] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::super::inputs::INPUTS;
    use super::super::kin::{Terms, terms};
    use super::*;

    fn village() -> Kin {
        let ids: Vec<String> = (0..40)
            .map(|number| {
                format!(
                    "t/test_{}.py::test_{}_{number}",
                    number / 20,
                    if number < 20 { "lock" } else { "parse" }
                )
            })
            .collect();
        let all: Vec<Terms> = ids
            .iter()
            .map(|id| terms(id, if id.contains("lock") { "redis acquire" } else { "text tree" }))
            .collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        Kin::new(&ids, &all, &vec![vec![]; 40], vec![0.5; 40 * INPUTS])
    }

    #[test]
    fn what_is_like_a_flaky_test_is_suspected() {
        let kin = village();
        let mut known = vec![None; 40];
        known[0] = Some(Known { flaky: true, runs: 50 });
        known[1] = Some(Known { flaky: true, runs: 50 });
        known[21] = Some(Known { flaky: false, runs: 50 });
        let rows = gather(&kin, &[0.5; 40], &known);
        for column in [4, 5, 6] {
            let (like, unlike) = (rows[5].0[column], rows[30].0[column]);
            assert!(like > unlike + 0.1, "{}: {like} {unlike}", EVIDENCE[column]);
        }
        assert!(rows[5].1.iter().all(|near| near.flaky == (near.test < 2)));
        assert_eq!(rows[5].0[3], 2.0);
    }

    #[test]
    fn the_own_outcome_does_not_count() {
        let kin = village();
        let mut known = vec![None; 40];
        known[0] = Some(Known { flaky: true, runs: 9 });
        let rows = gather(&kin, &[0.5; 40], &known);
        assert!(rows[0].1.is_empty());
        let nothing = Regression::new(&kin, &[], BEFORE.1, &[0.5; 40]);
        let base = (1.0 + BEFORE.0 * BEFORE.1) / (1.0 + BEFORE.0);
        assert_eq!(rows[0].0[4], nothing.log_odds(0.5) - log_odds(BEFORE.1) + log_odds(base));
        assert!(rows[1].0[4] > rows[0].0[4]);
    }

    #[test]
    fn a_system_is_solved() {
        let matrix = [3.0, 1.0, 1.0, 1.0];
        let solved = solve(&|at| times(&matrix, at, 1.0), &[1.0, 2.0], &[1.0, 2.0]);
        assert!((solved[0] - 1.0 / 11.0).abs() < 1e-4 && (solved[1] - 7.0 / 11.0).abs() < 1e-4);
    }
}
