//! Another hour, the end of a month, a leap day, a day far ahead. Monotonic clocks stay as they are.

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};
use serde_json::json;

use super::{Change, Perturbation, found, has};
use crate::smells::Cause;

pub(super) const CLOCK: Perturbation = Perturbation {
    name: "clock",
    shows: &[Cause::Time],
    suits: |test| found(test, &[Cause::Time]) || has(test, &["clock_reads"]),
    general: true,
    changes: |_| moments(&Zoned::now()).into_iter().map(|(name, offset)| change(name, offset)).collect(),
};

fn change(name: &str, offset: i64) -> Change {
    Change::inside(format!("clock:{name}"), "clock", json!(offset), Some(json!(0)))
}

/// Moments that tests forget, as seconds from now.
fn moments(now: &Zoned) -> Vec<(&'static str, i64)> {
    let zone = TimeZone::system();
    let to = |day: Date, hour: i8, minute: i8| {
        let then = day.at(hour, minute, 30, 0).to_zoned(zone.clone()).ok()?;
        Some(then.timestamp().as_second() - now.timestamp().as_second())
    };
    let today = now.date();
    let leap_year = (today.year() + 1..).find(|year| date(*year, 1, 1).in_leap_year()).unwrap_or(2096);
    [
        ("before-midnight", to(today, 23, 59)),
        ("month-end", to(today.last_of_month(), 12, 0)),
        ("year-end", to(date(today.year(), 12, 31), 23, 59)),
        ("leap-day", to(date(leap_year, 2, 29), 12, 0)),
        ("in-ten-years", today.checked_add(10.years()).ok().and_then(|day| to(day, 12, 0))),
    ]
    .into_iter()
    .filter_map(|(name, offset)| Some((name, offset?)))
    .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_moment_is_ahead_or_today() {
        let now = date(2026, 2, 3).at(10, 0, 0, 0).to_zoned(TimeZone::system()).unwrap();
        let moments = moments(&now);
        assert_eq!(moments.len(), 5);
        assert!(moments.iter().all(|(_, offset)| *offset > 0), "{moments:?}");
    }
}
