//! A fault of redb's stays here: what it says about bytes that cannot be, by a panic or an error,
//! becomes [`StoreError::Damaged`].

use super::error::StoreError;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls redb; a panic of it is damage.
pub(super) fn guarded<T>(
    doing: &'static str,
    call: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(done) => done,
        Err(panic) => Err(StoreError::Damaged { doing, why: said(panic.as_ref()) }),
    }
}

/// Drops what is redb's: letting go of a damaged database may panic, and there is nothing more to
/// be done about it.
pub(super) fn let_go<T>(of: T) {
    if catch_unwind(AssertUnwindSafe(|| drop(of))).is_err() {
        tracing::error!("the store's database could not be let go of in an orderly way");
    }
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("the database gave up without a word").to_owned()
}
