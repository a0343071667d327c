//! The fewest of many that still do it: halving where one is enough, delta debugging where several are needed. Knows
//! nothing of tests.

/// The fewest of `all`, in their order, with which `does` still holds; `does(all)` is known to. Stops where `does` gives
/// nothing (time is up), with the best so far and `false`.
pub(super) fn fewest<T: Clone>(all: &[T], mut does: impl FnMut(&[T]) -> Option<bool>) -> (Vec<T>, bool) {
    let mut left = all.to_vec();
    // one alone: the half that does it, again and again
    while left.len() > 1 {
        let (first, second) = left.split_at(left.len() / 2);
        // what runs last is nearer to the end, and did it more often
        let Some(second_does) = does(second) else { return (left, false) };
        if second_does {
            left = second.to_vec();
            continue;
        }
        let Some(first_does) = does(first) else { return (left, false) };
        if !first_does {
            break;
        }
        left = first.to_vec();
    }
    // several together: leave out ever smaller parts
    let mut parts = 2;
    while left.len() > 1 {
        let size = left.len().div_ceil(parts);
        let mut smaller = None;
        for start in (0..left.len()).step_by(size) {
            let rest: Vec<T> =
                left[..start].iter().chain(&left[(start + size).min(left.len())..]).cloned().collect();
            if rest.is_empty() {
                continue;
            }
            match does(&rest) {
                None => return (left, false),
                Some(true) => {
                    smaller = Some(rest);
                    break;
                }
                Some(false) => {}
            }
        }
        match smaller {
            Some(rest) => {
                left = rest;
                parts = parts.saturating_sub(1).max(2);
            }
            None if size == 1 => break,
            None => parts = (parts * 2).min(left.len()),
        }
    }
    (left, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(all: usize, needed: &[usize]) -> (Vec<usize>, usize) {
        let all: Vec<usize> = (0..all).collect();
        let mut tries = 0;
        let (found, whole) = fewest(&all, |some| {
            tries += 1;
            Some(needed.iter().all(|one| some.contains(one)))
        });
        assert!(whole);
        (found, tries)
    }

    #[test]
    fn one_is_found_by_halving() {
        for needed in [0, 1, 63, 100, 199] {
            let (found, tries) = search(200, &[needed]);
            assert_eq!(found, [needed]);
            assert!(tries <= 16, "{tries} tries");
        }
    }

    #[test]
    fn several_are_found_together() {
        for needed in [vec![3, 150], vec![0, 99, 199], vec![10, 11]] {
            assert_eq!(search(200, &needed).0, needed);
        }
        assert_eq!(search(1, &[0]).0, [0]);
    }

    #[test]
    fn the_best_so_far_is_kept_when_time_is_up() {
        let all: Vec<usize> = (0..64).collect();
        let mut left = 3;
        let (found, whole) = fewest(&all, |some| {
            left -= 1;
            (left >= 0).then(|| some.contains(&5))
        });
        assert!(!whole && found.len() < 64 && found.contains(&5));
    }
}
