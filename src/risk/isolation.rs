//! How far a test stands apart from the rest of its repository. Unstable tests are unlike their neighbours: the
//! distance to the nearest of them in the ranks of what was measured orders tests better than any single measure, without
//! training (`models/README.md` has the figures). Knows nothing of outcomes.

use rayon::prelude::*;

use super::features;
use super::inputs::{INPUTS, OWN};

/// Names of the inputs, in their order: distances to the nearest three and ten tests and the density around a test, by
/// what its code does, by how it shares state, and by both.
pub(super) const ISOLATION: [&str; 9] = [
    "code_apart_3",
    "code_apart_10",
    "code_alone",
    "state_apart_3",
    "state_apart_10",
    "state_alone",
    "apart_3",
    "apart_10",
    "alone",
];

/// Larger repositories compare each test with this many of their tests.
const ANCHORS: usize = 200;
/// Up to so many tests each is compared with all others.
const ALL: usize = 500;
/// Tests farther away than this, squared, add nothing to a density.
const FAR: f32 = 6.0;

/// The isolation of every test, not ranked yet, from its [`INPUTS`] ranks.
pub(super) fn isolation(ranks: &[f32]) -> Vec<[f32; ISOLATION.len()]> {
    let varying = |range: std::ops::Range<usize>| -> Vec<usize> {
        range.filter(|column| ranks.chunks(INPUTS).any(|row| row[*column] != ranks[*column])).collect()
    };
    let (code, state) = (varying(0..features::COUNT), varying(OWN..INPUTS));
    let count = ranks.len() / INPUTS;
    let anchors = anchors(count);
    let (code, state) = (Rows::of(ranks, &code), Rows::of(ranks, &state));
    (0..count)
        .into_par_iter()
        .map(|test| {
            let mut around = [Around::default(), Around::default(), Around::default()];
            for other in anchors.iter().copied().filter(|other| *other != test) {
                let (by_code, by_state) = (code.distance(test, other), state.distance(test, other));
                around.iter_mut().zip([by_code, by_state, by_code + by_state]).for_each(
                    |(around, distance)| {
                        around.add(distance);
                    },
                );
            }
            let mut out = [0.0; ISOLATION.len()];
            out.chunks_mut(3).zip(&around).for_each(|(out, around)| out.copy_from_slice(&around.figures()));
            out
        })
        .collect()
}

/// So many differences are reckoned at once.
const LANES: usize = 8;

/// Some columns of all tests, filled up with zeros to whole lanes.
struct Rows {
    values: Vec<f32>,
    width: usize,
}

impl Rows {
    fn of(ranks: &[f32], columns: &[usize]) -> Rows {
        let width = columns.len().next_multiple_of(LANES).max(LANES);
        let mut values = vec![0.0; ranks.len() / INPUTS * width];
        for (row, ranks) in values.chunks_mut(width).zip(ranks.chunks(INPUTS)) {
            row.iter_mut().zip(columns).for_each(|(value, column)| *value = ranks[*column]);
        }
        Rows { values, width }
    }

    /// Euclidean, squared.
    fn distance(&self, one: usize, other: usize) -> f32 {
        let row = |test: usize| self.values[test * self.width..(test + 1) * self.width].chunks_exact(LANES);
        let mut sums = [0.0_f32; LANES];
        for (one, other) in row(one).zip(row(other)) {
            for lane in 0..LANES {
                sums[lane] += (one[lane] - other[lane]) * (one[lane] - other[lane]);
            }
        }
        sums.iter().sum()
    }
}

/// All tests, or of many a sample that does not depend on where they stand.
fn anchors(count: usize) -> Vec<usize> {
    let mut all: Vec<usize> = (0..count).collect();
    if count > ALL {
        all.sort_by_key(|test| (*test as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20);
        all.truncate(ANCHORS);
    }
    all
}

/// The nearest ten and the density, as other tests come in.
#[derive(Default)]
struct Around {
    nearest: [f32; 10],
    known: usize,
    density: f32,
}

impl Around {
    fn add(&mut self, distance: f32) {
        if distance < FAR {
            self.density += (-2.0 * distance).exp();
        }
        if self.known == self.nearest.len() && distance >= self.nearest[self.known - 1] {
            return;
        }
        let place = self.nearest[..self.known].partition_point(|near| *near <= distance);
        self.known = (self.known + 1).min(self.nearest.len());
        self.nearest[place..self.known].rotate_right(1);
        self.nearest[place] = distance;
    }

    fn figures(&self) -> [f32; 3] {
        let mean = |most: usize| {
            let near = &self.nearest[..self.known.min(most)];
            near.iter().sum::<f32>() / near.len().max(1) as f32
        };
        [mean(3), mean(10), -self.density]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unlike_the_rest_stands_apart() {
        let mut ranks = vec![0.5; 30 * INPUTS];
        for column in 0..8 {
            ranks[7 * INPUTS + column] = 1.0;
        }
        let apart = isolation(&ranks);
        assert_eq!(apart[7][..2], [2.0, 2.0]);
        assert!((0..30).all(|test| test == 7 || apart[test][0] == 0.0));
        assert!(apart[7][2] > apart[3][2]);
    }

    #[test]
    fn the_nearest_are_kept_in_order() {
        let mut around = Around::default();
        for distance in [5.0, 3.0, 9.0, 1.0, 2.0, 8.0, 7.0, 6.0, 4.0, 10.0, 0.5, 11.0] {
            around.add(distance);
        }
        assert_eq!(around.nearest, [0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
    }

    #[test]
    fn one_test_alone_and_none_are_no_trouble() {
        assert_eq!(isolation(&[0.5; INPUTS]), [[0.0; ISOLATION.len()]]);
        assert!(isolation(&[]).is_empty());
    }
}
