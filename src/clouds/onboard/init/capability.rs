//! unsafe here: prctl(PR_CAPBSET_DROP) has no safe wrapper in any crate we use; it takes integers
//! and touches no memory of ours.
//!
//! Capabilities that no process of a server can have again, whatever it executes: everything but
//! what ordinary services need to start as root and become somebody else.
#![allow(unsafe_code)]

use nix::errno::Errno;
use nix::libc;

/// What is kept, by the numbers of capabilities(7) (linux/capability.h).
const KEPT: [libc::c_int; 12] = [
    0,  // chown
    1,  // dac_override
    3,  // fowner
    4,  // fsetid
    5,  // kill
    6,  // setgid
    7,  // setuid
    8,  // setpcap
    10, // net_bind_service
    13, // net_raw
    18, // sys_chroot
    29, // audit_write
];

/// Drops every capability but those from the bounding set: gone with the next `exec`.
///
/// # Errors
/// When the kernel refuses.
pub fn drop_all_but_needed() -> nix::Result<()> {
    for capability in (0..64).filter(|capability| !KEPT.contains(capability)) {
        // SAFETY: integers only; the kernel checks them.
        let result = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
        match Errno::result(result) {
            Ok(_) => {}
            // Beyond the last one this kernel knows.
            Err(Errno::EINVAL) => break,
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
