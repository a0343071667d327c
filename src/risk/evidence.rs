//! What the known outcomes of a repository say about each of its tests: siblings in class, file and folder, the
//! nearest by code, and a kernel regression over all of them. One row of [`EVIDENCE`] a test, whether its own outcome
//! is known or not: its own never counts.

use rayon::prelude::*;

use super::kin::Kin;

/// What is known of a test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Known {
    pub flaky: bool,
    /// Runs that it was seen in.
    pub runs: u32,
}

/// The columns, in their order.
pub(super) const EVIDENCE: [&str; 21] = [
    "prior",
    "known_share_flaky",
    "known_tests",
    "known_flaky",
    "class_outcomes",
    "class_known",
    "class_flaky",
    "file_outcomes",
    "file_known",
    "file_flaky",
    "folder_outcomes",
    "folder_known",
    "nearest",
    "nearest_three",
    "nearest_ten",
    "all_by_likeness",
    "likest_flaky",
    "likest_stable",
    "likest_difference",
    "kernel",
    "kernel_over_base",
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
const ANCHORS: usize = 1500;
/// So many comparisons are made in all, but for the first few hundred known tests.
const COMPARISONS: usize = 30_000_000;
/// How much a known outcome is believed: the ridge of the kernel regression.
const RIDGE: f32 = 2.0;
/// Outcomes that every repository is thought to have had, and the share of flaky ones among them.
const BEFORE: (f32, f32) = (20.0, 0.05);
/// The nearest that are kept.
const NEAREST: usize = 10;

/// The evidence of every test, and its nearest tests of known outcome. `prior` is each test's rank by the prior, from
/// 0 to 1.
pub(super) fn gather(kin: &Kin, prior: &[f32], known: &[Option<Known>]) -> Vec<(Row, Vec<Near>)> {
    let all: Vec<(usize, Known)> =
        known.iter().enumerate().filter_map(|(test, known)| Some((test, (*known)?))).collect();
    let flaky = all.iter().filter(|(_, known)| known.flaky).count();
    let base = ((flaky as f32 + BEFORE.0 * BEFORE.1) / (all.len() as f32 + BEFORE.0)).clamp(0.002, 0.98);
    let anchors = anchors(all.clone(), (COMPARISONS / kin.count().max(1)).clamp(300, ANCHORS));
    let weights = regress(kin, &anchors, base);
    let siblings = Siblings::new(kin, &all);
    (0..kin.count())
        .into_par_iter()
        .map(|test| {
            let (mut kernel, mut likest) = (0.0, [0.0_f32; 2]);
            let (mut sum, mut weight) = (0.05 * base, 0.05);
            let mut near: Vec<Near> = Vec::with_capacity(NEAREST + 1);
            for ((anchor, known), alpha) in
                anchors.iter().zip(&weights).filter(|((anchor, _), _)| *anchor != test)
            {
                let text = kin.text(test, *anchor);
                kernel += alpha * kin.alike(test, *anchor, text);
                let side = &mut likest[usize::from(known.flaky)];
                *side = side.max(text);
                sum += text.powi(3) * f32::from(u8::from(known.flaky));
                weight += text.powi(3);
                let place = near.partition_point(|other| other.likeness >= text);
                if place < NEAREST && text > 0.0 {
                    near.insert(place, Near { test: *anchor, likeness: text, flaky: known.flaky });
                    near.truncate(NEAREST);
                }
            }
            let odds = |share: f32| log_odds(share) - log_odds(base);
            let of_nearest = |count: usize, power: i32| {
                let (mut sum, mut weight) = (0.15 * base, 0.15);
                for near in near.iter().take(count) {
                    sum += near.likeness.powi(power) * f32::from(u8::from(near.flaky));
                    weight += near.likeness.powi(power);
                }
                odds(sum / weight)
            };
            let own = known[test];
            let [class, file, folder] = [0, 1, 2].map(|level| siblings.of(kin, test, own, level));
            let at = |(flaky, count): (f32, f32)| odds((flaky + base) / (count + 1.0));
            let row = [
                prior[test],
                log_odds(base),
                (all.len() as f32).ln_1p(),
                flaky as f32,
                at(class),
                class.1.ln_1p(),
                class.0,
                at(file),
                file.1.ln_1p(),
                file.0,
                at(folder),
                folder.1.ln_1p(),
                of_nearest(1, 1),
                of_nearest(3, 2),
                of_nearest(10, 3),
                odds(sum / weight),
                likest[1],
                likest[0],
                likest[1] - likest[0],
                kernel,
                kernel / base,
            ];
            (row, near)
        })
        .collect()
}

fn log_odds(share: f32) -> f32 {
    let share = share.clamp(0.002, 0.998);
    (share / (1.0 - share)).ln()
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

/// Kernel ridge regression of the outcomes around `base`, by conjugate gradients.
fn regress(kin: &Kin, anchors: &[(usize, Known)], base: f32) -> Vec<f32> {
    let count = anchors.len();
    let matrix: Vec<f32> = (0..count)
        .into_par_iter()
        .flat_map_iter(|row| {
            let (a, known) = anchors[row];
            // few runs say less
            let doubt = RIDGE * (1.0 + 2.0 / known.runs.max(1) as f32);
            (0..count).map(move |column| {
                let (b, _) = anchors[column];
                let ridge = if row == column { doubt } else { 0.0 };
                kin.alike(a, b, kin.text(a, b)) + ridge
            })
        })
        .collect();
    let target: Vec<f32> = anchors.iter().map(|(_, known)| f32::from(u8::from(known.flaky)) - base).collect();
    solve(&matrix, &target)
}

/// Solves a symmetric positive definite system.
fn solve(matrix: &[f32], target: &[f32]) -> Vec<f32> {
    let count = target.len();
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(x * y)).sum::<f64>();
    let mut out = vec![0.0_f32; count];
    let mut rest = target.to_vec();
    let mut way = rest.clone();
    let mut size = dot(&rest, &rest);
    let enough = size * 1e-8;
    for _ in 0..200 {
        if size <= enough {
            break;
        }
        let moved: Vec<f32> = matrix.par_chunks(count).map(|row| dot(row, &way) as f32).collect();
        let step = (size / dot(&way, &moved)) as f32;
        for index in 0..count {
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

/// Known and flaky tests of each class, file and folder.
struct Siblings {
    levels: [Vec<(f32, f32)>; 3],
}

impl Siblings {
    fn new(kin: &Kin, known: &[(usize, Known)]) -> Siblings {
        let places =
            (0..kin.count()).flat_map(|test| kin.place(test)).max().map_or(0, |most| most as usize + 1);
        let mut levels = [0, 1, 2].map(|_| vec![(0.0, 0.0); places]);
        for (test, known) in known {
            for (level, place) in kin.place(*test).into_iter().enumerate() {
                let entry = &mut levels[level][place as usize];
                entry.0 += f32::from(u8::from(known.flaky));
                entry.1 += 1.0;
            }
        }
        Siblings { levels }
    }

    /// Flaky and known ones beside the test.
    fn of(&self, kin: &Kin, test: usize, own: Option<Known>, level: usize) -> (f32, f32) {
        let (flaky, count) = self.levels[level][kin.place(test)[level] as usize];
        match own {
            Some(own) => (flaky - f32::from(u8::from(own.flaky)), count - 1.0),
            None => (flaky, count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::kin::{Terms, terms};
    use super::super::prior::INPUTS;
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
        Kin::new(&ids, &all, vec![0.5; 40 * INPUTS])
    }

    #[test]
    fn what_is_like_a_flaky_test_is_suspected() {
        let kin = village();
        let mut known = vec![None; 40];
        known[0] = Some(Known { flaky: true, runs: 50 });
        known[1] = Some(Known { flaky: true, runs: 50 });
        known[21] = Some(Known { flaky: false, runs: 50 });
        let rows = gather(&kin, &[0.5; 40], &known);
        let kernel = |test: usize| rows[test].0[19];
        assert!(kernel(5) > kernel(30) + 0.1, "{} {}", kernel(5), kernel(30));
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
        assert_eq!((rows[0].0[6], rows[1].0[6]), (0.0, 1.0));
    }

    #[test]
    fn a_system_is_solved() {
        let matrix = [4.0, 1.0, 1.0, 3.0];
        let solved = solve(&matrix, &[1.0, 2.0]);
        assert!((solved[0] - 1.0 / 11.0).abs() < 1e-4 && (solved[1] - 7.0 / 11.0).abs() < 1e-4);
    }
}
