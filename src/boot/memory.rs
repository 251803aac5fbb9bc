//! unsafe here: the allocator of the C library has no safe wrapper in any crate we use. Keeps an
//! idle appliance small.
//!
//! When the allocator gets a large block back it takes it that such blocks are common, and from
//! then on keeps them (malloc(3), `M_MMAP_THRESHOLD`). The search index borrows a few large blocks
//! for a moment now and then, and after ten times an idle appliance would hold 36 MB more than
//! before. Saying the values that it begins with ends the guessing, and large blocks go back.
#![allow(unsafe_code)]

/// Gives large blocks back as soon as they are free. Call it before there are other threads.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn give_back() {
    use std::ffi::c_int;

    // From glibc's malloc.h.
    const M_TRIM_THRESHOLD: c_int = -1;
    const M_MMAP_THRESHOLD: c_int = -3;
    const BYTES: c_int = 128 * 1024;

    unsafe extern "C" {
        fn mallopt(parameter: c_int, value: c_int) -> c_int;
    }

    for parameter in [M_TRIM_THRESHOLD, M_MMAP_THRESHOLD] {
        // SAFETY: mallopt takes two integers, keeps no pointer and only changes the allocator's
        // own settings, under its own lock.
        if unsafe { mallopt(parameter, BYTES) } == 0 {
            tracing::debug!(parameter, "the allocator keeps its own setting");
        }
    }
}

/// Other C libraries do not keep what is free.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_back() {}
