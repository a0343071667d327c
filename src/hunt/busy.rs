//! All cores kept busy, for as long as the value lives.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) struct Busy(Arc<AtomicBool>);

impl Busy {
    /// Twice as many threads as cores, so that everybody else waits for a turn.
    pub(super) fn start() -> Busy {
        let on = Arc::new(AtomicBool::new(true));
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        for _ in 0..2 * cores {
            let on = on.clone();
            std::thread::spawn(move || {
                let mut number = 0_u64;
                while on.load(Ordering::Relaxed) {
                    number = std::hint::black_box(number.wrapping_mul(31).wrapping_add(7));
                }
            });
        }
        Busy(on)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
