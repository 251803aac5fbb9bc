//! unsafe here: signal(2) has no safe wrapper in any crate we use; it is given integers alone, and
//! only says what the kernel does by itself. Takes back what was ignored for us.
//!
//! A process inherits which signals are ignored, through every fork and exec: an appliance that was
//! started by `nohup`, or in the background of a script, would have servers in which no service
//! ever hears a reload or a Ctrl-C.
#![allow(unsafe_code)]

use std::ffi::c_int;

/// From Linux's signal.h: the kernel's own way, and the last signal there is.
const SIG_DFL: usize = 0;
const SIGNAL_MAX: c_int = 64;
/// The standard library ignores it for us, and not for what we start.
const SIGPIPE: c_int = 13;

unsafe extern "C" {
    fn signal(signal: c_int, handler: usize) -> usize;
}

/// Lets every signal do what it does by itself, for this process and whatever it starts. For the
/// first line of a process that keeps others, before it has handlers or threads of its own.
pub fn ignore_none() {
    for number in (1..=SIGNAL_MAX).filter(|number| *number != SIGPIPE) {
        // SAFETY: no handler is installed, and both arguments are integers. The few signals that
        // nobody may change are refused, which is what they are then.
        unsafe { signal(number, SIG_DFL) };
    }
}
