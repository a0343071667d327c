//! Ranks among the tests of a repository: raw values do not carry over from one to another, ranks do.

use rayon::prelude::*;

use super::inputs::INPUTS;

/// Each value's rank among the rows, from 0 to 1, ties in the middle; row after row.
pub(super) fn ranks(rows: &[[f32; INPUTS]]) -> Vec<f32> {
    let ranked: Vec<Vec<f32>> = (0..INPUTS).into_par_iter().map(|column| ranks_of(rows, column)).collect();
    (0..rows.len()).flat_map(|row| ranked.iter().map(move |column| column[row])).collect()
}

pub(super) fn ranks_of<const WIDTH: usize>(rows: &[[f32; WIDTH]], column: usize) -> Vec<f32> {
    rank(&rows.iter().map(|row| row[column]).collect::<Vec<_>>())
}

/// Each value's rank, from 0 to 1, ties in the middle.
pub(super) fn rank(values: &[f32]) -> Vec<f32> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let rank = |value: f32| {
        let below = sorted.partition_point(|known| *known < value);
        let up_to = sorted.partition_point(|known| *known <= value);
        (below + up_to) as f32 / (2 * sorted.len()) as f32
    };
    values.iter().map(|value| rank(*value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_put_ties_in_the_middle() {
        let row = |value: f32| {
            let mut row = [0.0; INPUTS];
            row[0] = value;
            row
        };
        let ranked = ranks(&[row(5.0), row(1.0), row(1.0), row(9.0)]);
        let first: Vec<f32> = ranked.chunks(INPUTS).map(|row| row[0]).collect();
        assert_eq!(first, [0.625, 0.25, 0.25, 0.875]);
        assert!(ranked.chunks(INPUTS).all(|row| row[1] == 0.5));
    }
}
