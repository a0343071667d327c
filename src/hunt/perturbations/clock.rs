//! Another hour, the end of a month, a leap day, a day far ahead, midnight between two readings, a coarse clock.
//! Monotonic clocks stay as they are.

use jiff::civil::date;
use jiff::{ToSpan, Zoned};
use serde_json::{Value, json};

use super::{Change, Perturbation, found, has};
use crate::smells::Cause;

pub(super) const CLOCK: Perturbation = Perturbation {
    name: "clock",
    shows: &[Cause::Time],
    suits: |test| found(test, &[Cause::Time]) || has(test, &["clock_reads"]),
    general: true,
    chance: false,
    changes: |_| moments(&Zoned::now()).into_iter().map(|(name, wanted)| change(&name, wanted)).collect(),
};

/// Seconds of a coarse clock, as Windows has it.
const GRAIN: f64 = 1.0 / 64.0;
/// So many readings stand before midnight at most.
const READINGS: u32 = 3;

fn change(name: &str, wanted: Value) -> Change {
    Change::inside(format!("clock:{name}"), "clock", wanted, Some(json!({})))
}

/// Moments that tests forget: days, midnight between two readings, and readings that are equal.
fn moments(now: &Zoned) -> Vec<(String, Value)> {
    let today = now.date();
    let leap_year = (today.year() + 1..).find(|year| date(*year, 1, 1).in_leap_year()).unwrap_or(2096);
    let days = [
        ("before-midnight", today.at(23, 59, 30, 0)),
        ("month-end", today.last_of_month().at(12, 0, 0, 0)),
        ("year-end", date(today.year(), 12, 31).at(23, 59, 30, 0)),
        ("leap-day", date(leap_year, 2, 29).at(12, 0, 0, 0)),
        ("in-ten-years", today.saturating_add(10.years()).at(12, 0, 0, 0)),
    ];
    let days = days.map(|(name, at)| (name.to_owned(), json!({ "at": at.to_string() })));
    let midnight = today.saturating_add(1.day()).at(0, 0, 0, 0).to_string();
    let between = (1..=READINGS)
        .map(|read| (format!("midnight-after-{read}"), json!({ "at": midnight, "readings": read })));
    let coarse = ("coarse".to_owned(), json!({ "grain": GRAIN }));
    days.into_iter().chain(between).chain([coarse]).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    #[test]
    fn every_moment_is_ahead_or_today() {
        let now = date(2026, 2, 3).at(10, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap();
        let moments = moments(&now);
        let at: Vec<&str> = moments.iter().filter_map(|(_, wanted)| wanted["at"].as_str()).collect();
        let days =
            ["2026-02-03T23:59:30", "2026-02-28T12:00:00", "2026-12-31T23:59:30", "2028-02-29T12:00:00"];
        assert_eq!(at[..4], days);
        assert_eq!(
            at[4..],
            ["2036-02-03T12:00:00"].into_iter().chain(["2026-02-04T00:00:00"; 3]).collect::<Vec<_>>()
        );
    }
}
