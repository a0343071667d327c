//! Other time zones: ahead of everybody, behind everybody, and one with an odd half hour.

use super::{Change, Perturbation, found, has};
use crate::smells::Cause;

const ZONES: [&str; 3] = ["Pacific/Kiritimati", "Pacific/Pago_Pago", "America/St_Johns"];

pub(super) const TIME_ZONE: Perturbation = Perturbation {
    name: "time-zone",
    shows: &[Cause::Time],
    suits: |test| found(test, &[Cause::Time]) || has(test, &["clock_reads"]),
    general: true,
    chance: false,
    changes: |_| {
        ZONES.iter().map(|zone| Change::environment(format!("time-zone:{zone}"), &[("TZ", zone)])).collect()
    },
};
