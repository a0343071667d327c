//! How alike two tests of a repository are: by name, by code, by where they stand, by the state that they use and by their
//! inputs.
//! Knows nothing of outcomes.

use std::hash::Hash;

use rustc_hash::FxHashMap;

use super::inputs::{INPUTS, OWN};
use crate::effects::{State, Touch};
use crate::words::words;

/// Words of a test, hashed: sorted, each once.
pub(super) type Terms = Vec<u16>;

/// The words of a test's name and code. Source cannot be read back from them.
pub(super) fn terms(id: &str, source: &str) -> Terms {
    let name = id.rsplit("::").next().unwrap_or(id);
    hashed(words(name).into_iter().chain(words(source)))
}

fn hashed(words: impl Iterator<Item = String>) -> Terms {
    let mut out: Terms = words
        .map(|word| {
            let hash = blake3::hash(word.as_bytes());
            u16::from_le_bytes([hash.as_bytes()[0], hash.as_bytes()[1]])
        })
        .collect();
    out.sort_unstable();
    out.dedup();
    out
}

/// The states that a test reads or changes, sorted.
pub(super) fn states(touches: &[Touch]) -> Vec<State> {
    touches.iter().map(|touch| touch.state).collect()
}

/// Term ─▶ weight, ascending by term, of unit length.
type Sparse<T> = Vec<(T, f32)>;

/// The tests of one repository, ready to be compared.
pub(super) struct Kin {
    names: Vec<Sparse<u16>>,
    texts: Vec<Sparse<u16>>,
    /// Class, file and folder of each.
    places: Vec<[u32; 3]>,
    /// The state that each uses.
    states: Vec<Sparse<State>>,
    /// [`INPUTS`] ranks each.
    ranks: Vec<f32>,
}

impl Kin {
    /// `states` are sorted; `ranks` are [`INPUTS`] a test, one test after the other.
    pub(super) fn new(ids: &[&str], terms: &[Terms], states: &[Vec<State>], ranks: Vec<f32>) -> Kin {
        let names: Vec<Terms> =
            ids.iter().map(|id| hashed(words(id.rsplit("::").next().unwrap_or(id)).into_iter())).collect();
        let mut known: FxHashMap<&str, u32> = FxHashMap::default();
        let places = ids
            .iter()
            .map(|id| {
                let class = id.rsplit_once("::").map_or(*id, |(class, _)| class);
                let file = id.split_once("::").map_or(*id, |(file, _)| file);
                let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
                [class, file, folder].map(|name| {
                    let next = known.len() as u32;
                    *known.entry(name).or_insert(next)
                })
            })
            .collect();
        Kin { names: weighted(&names), texts: weighted(terms), states: weighted(states), places, ranks }
    }

    /// How many tests.
    pub(super) fn count(&self) -> usize {
        self.places.len()
    }

    /// Class, file and folder, as numbers that are the same for the same.
    pub(super) fn place(&self, test: usize) -> [u32; 3] {
        self.places[test]
    }

    /// Cosine of the code's words, from 0 to 1.
    pub(super) fn text(&self, a: usize, b: usize) -> f32 {
        cosine(&self.texts[a], &self.texts[b])
    }

    /// The kernel of the two, given the cosine of their code: 0 for strangers, 4.2 for twins.
    pub(super) fn alike(&self, a: usize, b: usize, text: f32) -> f32 {
        let same = |level: usize| f32::from(u8::from(self.places[a][level] == self.places[b][level]));
        let (left, right) = (self.ranks_of(a), self.ranks_of(b));
        let distance: f32 = left.iter().zip(right).map(|(left, right)| (left - right) * (left - right)).sum();
        text + 0.5 * cosine(&self.names[a], &self.names[b])
            + 0.25 * same(0)
            + 0.15 * same(1)
            + 0.3 * same(2)
            + (-distance).exp()
            + cosine(&self.states[a], &self.states[b])
    }

    /// What describes a test by itself.
    fn ranks_of(&self, test: usize) -> &[f32] {
        &self.ranks[test * INPUTS..test * INPUTS + OWN]
    }
}

/// TF-IDF with each term counted once; what only one test has, or nearly all have, says nothing about others.
fn weighted<T: Copy + Eq + Hash>(all: &[Vec<T>]) -> Vec<Sparse<T>> {
    let mut frequency: FxHashMap<T, u32> = FxHashMap::default();
    for term in all.iter().flatten() {
        *frequency.entry(*term).or_default() += 1;
    }
    let count = all.len() as f32;
    let weight = |term: T| {
        let frequency = frequency[&term] as f32;
        (frequency > 1.0 && frequency <= 0.9 * count).then(|| ((1.0 + count) / (1.0 + frequency)).ln())
    };
    all.iter()
        .map(|terms| {
            let mut out: Sparse<T> =
                terms.iter().filter_map(|term| weight(*term).map(|weight| (*term, weight))).collect();
            let length =
                out.iter().map(|(_, weight)| weight * weight).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
            out.iter_mut().for_each(|(_, weight)| *weight /= length);
            out
        })
        .collect()
}

fn cosine<T: Copy + Ord>(a: &Sparse<T>, b: &Sparse<T>) -> f32 {
    let (mut i, mut j, mut sum) = (0, 0, 0.0);
    while let (Some((left, x)), Some((right, y))) = (a.get(i), b.get(j)) {
        match left.cmp(right) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                sum += x * y;
                i += 1;
                j += 1;
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twins_are_alike_and_strangers_are_not() {
        let ids = [
            "t/test_a.py::A::test_lock",
            "t/test_a.py::A::test_lock_again",
            "t/test_b.py::test_parse",
            "t/test_b.py::test_sum",
        ];
        let sources = ["lock.acquire(redis)", "lock.acquire(redis)", "parse(text)", "sum(text)"];
        let all: Vec<Terms> = ids.iter().zip(sources).map(|(id, source)| terms(id, source)).collect();
        let kin = Kin::new(&ids, &all, &vec![vec![]; 4], vec![0.5; 4 * INPUTS]);
        let alike = |a, b| kin.alike(a, b, kin.text(a, b));
        assert!(kin.text(0, 1) > 0.9);
        assert_eq!(kin.text(0, 2), 0.0);
        assert!(alike(0, 1) > alike(0, 2) + 1.0);
        assert!((alike(0, 1) - alike(1, 0)).abs() < 1e-6);
    }

    #[test]
    fn words_are_hashed_once_and_sorted() {
        let terms = terms("t.py::test_lock", "lock lock acquire");
        assert!(terms.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(terms.len(), 3);
    }
}
