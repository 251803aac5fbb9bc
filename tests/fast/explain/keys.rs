//! What is random about a site, made once for all of them.

use super::site::BEGIN;
use grange::pki::Authority;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

/// One authority for all sites: its key is random, and no story depends on it.
pub fn authority() -> Arc<Authority> {
    static AUTHORITY: OnceLock<Arc<Authority>> = OnceLock::new();
    let open = || {
        let keys = std::env::temp_dir().join(format!("grange-explain-{}", std::process::id()));
        std::fs::create_dir_all(&keys).expect("a directory for the authority");
        let authority = Authority::open(&keys, BEGIN).expect("an authority");
        std::fs::remove_dir_all(&keys).expect("the directory goes again");
        Arc::new(authority)
    };
    AUTHORITY.get_or_init(open).clone()
}

/// A one-time secret that no site has twice.
pub fn secret() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("secret-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}
