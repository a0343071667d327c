//! The figures by which a ranking is judged.

/// ROC-AUC; ties count half. `None` where one class is missing.
pub fn roc_auc(scores: &[f32], labels: &[bool]) -> Option<f64> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let positives = labels.iter().filter(|label| **label).count();
    let negatives = labels.len() - positives;
    if positives == 0 || negatives == 0 {
        return None;
    }
    let mut rank_sum = 0.0;
    let mut start = 0;
    while start < order.len() {
        let value = scores[order[start]];
        let end = start + order[start..].iter().take_while(|row| scores[**row] == value).count();
        // ranks are 1-based; the ties share the mean of theirs
        let rank = (start + end + 1) as f64 / 2.0;
        rank_sum += rank * order[start..end].iter().filter(|row| labels[**row]).count() as f64;
        start = end;
    }
    let least = positives as f64 * (positives as f64 + 1.0) / 2.0;
    Some((rank_sum - least) / (positives as f64 * negatives as f64))
}

/// Average precision: the mean of the precision at each positive, best score first.
pub fn average_precision(scores: &[f32], labels: &[bool]) -> Option<f64> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let positives = labels.iter().filter(|label| **label).count();
    if positives == 0 {
        return None;
    }
    let (mut found, mut sum) = (0.0, 0.0);
    for (place, row) in order.into_iter().enumerate() {
        if labels[row] {
            found += 1.0;
            sum += found / (place as f64 + 1.0);
        }
    }
    Some(sum / positives as f64)
}

/// F1 of the positives where a score of at least `threshold` counts as one.
pub fn f1(scores: &[f32], labels: &[bool], threshold: f32) -> f64 {
    let called = scores.iter().filter(|score| **score >= threshold).count();
    let right = scores.iter().zip(labels).filter(|(score, label)| **score >= threshold && **label).count();
    let positives = labels.iter().filter(|label| **label).count();
    2.0 * right as f64 / (called + positives).max(1) as f64
}

/// Expected calibration error: how far probabilities are from what happened, over ten bins of equal width.
pub fn calibration_error(probabilities: &[f32], labels: &[bool]) -> f64 {
    let bins = calibration(probabilities, labels);
    bins.iter().map(|[said, happened, count]| (said - happened).abs() * count).sum::<f64>()
        / probabilities.len().max(1) as f64
}

/// Of each tenth of probabilities that holds any: the mean of what was said, the share that happened, and how many.
pub fn calibration(probabilities: &[f32], labels: &[bool]) -> Vec<[f64; 3]> {
    let mut bins = [[0.0_f64; 3]; 10];
    for (probability, label) in probabilities.iter().zip(labels) {
        let bin = &mut bins[((probability * 10.0) as usize).min(9)];
        bin[0] += f64::from(*probability);
        bin[1] += f64::from(u8::from(*label));
        bin[2] += 1.0;
    }
    let filled = bins.into_iter().filter(|[.., count]| *count > 0.0);
    filled.map(|[said, happened, count]| [said / count, happened / count, count]).collect()
}

/// False positive rates at which [`roc`] is told: 0, 0.05, …, 1.
pub const RATES: usize = 21;

/// The true positive rate at each of [`RATES`] false positive rates; ties are crossed in a straight line.
pub fn roc(scores: &[f32], labels: &[bool]) -> Option<[f64; RATES]> {
    let positives = labels.iter().filter(|label| **label).count() as f64;
    let negatives = labels.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let (mut way, mut hits, mut alarms) = (vec![(0.0, 0.0)], 0.0, 0.0);
    for (place, row) in order.iter().enumerate() {
        if labels[*row] {
            hits += 1.0
        } else {
            alarms += 1.0
        }
        if order.get(place + 1).is_none_or(|next| scores[*next] != scores[*row]) {
            way.push((alarms / negatives, hits / positives));
        }
    }
    Some(std::array::from_fn(|step| {
        let rate = step as f64 / (RATES - 1) as f64;
        let after = way.partition_point(|(alarms, _)| *alarms <= rate).min(way.len() - 1);
        let ((x0, y0), (x1, y1)) = (way[after - 1], way[after]);
        if x1 > x0 { y0 + (y1 - y0) * ((rate - x0) / (x1 - x0)).clamp(0.0, 1.0) } else { y1 }
    }))
}

/// Mean and standard error.
pub fn mean(values: &[f64]) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    (mean, (variance / count).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auc_of_perfect_reversed_and_tied_scores() {
        let labels = [false, false, true, true];
        assert_eq!(roc_auc(&[0.1, 0.2, 0.3, 0.4], &labels), Some(1.0));
        assert_eq!(roc_auc(&[0.4, 0.3, 0.2, 0.1], &labels), Some(0.0));
        assert_eq!(roc_auc(&[0.5; 4], &labels), Some(0.5));
        assert_eq!(roc_auc(&[0.5; 2], &[true, true]), None);
    }

    #[test]
    fn what_is_said_is_held_against_what_happened() {
        assert_eq!(calibration_error(&[1.0, 0.0], &[true, false]), 0.0);
        assert!((calibration_error(&[0.25; 4], &[true, false, false, false])).abs() < 1e-9);
        assert!((calibration_error(&[0.9; 2], &[false, false]) - 0.9).abs() < 1e-6);
        assert_eq!(f1(&[0.9, 0.8, 0.1], &[true, false, true], 0.5), 0.5);
    }

    #[test]
    fn the_curve_goes_from_corner_to_corner() {
        let labels = [false, false, true, true];
        let right = roc(&[0.1, 0.2, 0.3, 0.4], &labels).unwrap_or_default();
        assert_eq!((right[0], right[20]), (1.0, 1.0));
        let chance = roc(&[0.5; 4], &labels).unwrap_or_default();
        assert!(chance.iter().enumerate().all(|(step, rate)| (rate - step as f64 / 20.0).abs() < 1e-9));
        assert_eq!(roc(&[0.5; 2], &[true, true]), None);
    }

    #[test]
    fn average_precision_counts_places() {
        let score = average_precision(&[0.9, 0.8, 0.7], &[true, false, true]);
        assert_eq!(score, Some((1.0 + 2.0 / 3.0) / 2.0));
    }
}
