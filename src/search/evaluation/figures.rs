//! Precision, nDCG, reciprocal rank and hit of one ranking.

use serde::Serialize;

/// Each from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Answers among the first ten, of ten or of as many as there are.
    #[serde(rename = "precision_at_10")]
    pub precision: f64,
    #[serde(rename = "ndcg_at_10")]
    pub ndcg: f64,
    /// 1 / the rank of the first answer; 0 where none is among the first ten.
    #[serde(rename = "mrr")]
    pub reciprocal_rank: f64,
    #[serde(rename = "hit_at_10")]
    pub hit: f64,
}

/// The figures of one ranking: whether each hit `fits`, best first, of `relevant` tests that would.
pub fn figures(fits: &[bool], relevant: usize, first: usize) -> Figures {
    let most = relevant.min(first);
    if most == 0 {
        return Figures::default();
    }
    let gain = |rank: usize| 1.0 / (rank as f64 + 2.0).log2();
    let found = || fits.iter().take(first).enumerate().filter(|(_, fits)| **fits).map(|(rank, _)| rank);
    let ideal: f64 = (0..most).map(gain).sum();
    Figures {
        precision: found().count() as f64 / most as f64,
        ndcg: found().map(gain).sum::<f64>() / ideal,
        reciprocal_rank: found().next().map_or(0.0, |rank| 1.0 / (rank as f64 + 1.0)),
        hit: f64::from(u8::from(found().next().is_some())),
    }
}

impl Figures {
    pub(super) fn add(&mut self, other: &Figures) {
        self.precision += other.precision;
        self.ndcg += other.ndcg;
        self.reciprocal_rank += other.reciprocal_rank;
        self.hit += other.hit;
    }

    pub(super) fn mean(self, of: usize) -> Figures {
        let of = of.max(1) as f64;
        Figures {
            precision: self.precision / of,
            ndcg: self.ndcg / of,
            reciprocal_rank: self.reciprocal_rank / of,
            hit: self.hit / of,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_by_hand() {
        let all = figures(&[true; 10], 25, 10);
        assert_eq!((all.precision, all.reciprocal_rank, all.hit), (1.0, 1.0, 1.0));
        assert!((all.ndcg - 1.0).abs() < 1e-9);
        // six tests would fit; two of them came, second and fourth
        let some = figures(&[false, true, false, true], 6, 10);
        assert!((some.precision - 2.0 / 6.0).abs() < 1e-9);
        assert_eq!((some.reciprocal_rank, some.hit), (0.5, 1.0));
        let ideal: f64 = (0..6).map(|rank| 1.0 / f64::from(rank + 2).log2()).sum();
        let got = 1.0 / 3f64.log2() + 1.0 / 5f64.log2();
        assert!((some.ndcg - got / ideal).abs() < 1e-9);
        assert_eq!(figures(&[false; 10], 6, 10), Figures::default());
        // what comes after the tenth does not count
        assert_eq!(figures(&[[false; 10].as_slice(), &[true]].concat(), 6, 10), Figures::default());
        assert_eq!(figures(&[true], 0, 10), Figures::default());
    }
}
