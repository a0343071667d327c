//! A border for a library that panics where it should return an error: what it says becomes a text.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; a panic in it is returned as its message and written to the log only.
/// What `work` was changing may be half changed then: the caller must not go on writing with it.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    quiet_hook();
    let before = GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(before);
    result.map_err(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        text.unwrap_or_else(|| "it panicked without a message".to_string())
    })
}

/// Keeps the report of a guarded panic off standard error; all others go where they went before.
fn quiet_hook() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info| {
            if GUARDED.get() {
                tracing::debug!("caught at the library's border: {info}");
            } else {
                before(info);
            }
        }));
    });
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message() {
        assert_eq!(guarded(|| 7), Ok(7));
        assert_eq!(guarded(|| -> u8 { panic!("disk full: {}", 28) }), Err("disk full: 28".to_string()));
        assert_eq!(guarded(|| -> u8 { panic!("lock acquired") }), Err("lock acquired".to_string()));
        assert!(!GUARDED.get());
    }
}
