//! Launches that fail after their agents were heard.

use super::races::admin;
use crate::explain::site::Site;
use grange::model::{ServerStatus, TerminateReason};
use grange::service::farms;
use grange::wire::input::{FarmFilter, Page};

/// All servers of a farm role come up and their launches fail all the same, as on a machine that
/// is too slow for them. They have not vanished: nothing is frozen, and others take their places.
#[test]
fn what_came_up_and_failed_to_launch_is_replaced_and_did_not_vanish() {
    let mut site = Site::new();
    site.act("stillborn 4");
    site.declare(&["web"], 4);
    site.act("tick");
    let (there, reason) = (site.servers(), Some(TerminateReason::LaunchFailed));
    assert_eq!(there.len(), 4);
    for server in &there {
        let told = (server.status, server.terminate_reason);
        assert_eq!(told, (ServerStatus::PendingTerminate, reason), "{}", server.hostname);
    }
    for line in ["settle", "later 120s", "settle"] {
        site.act(line);
    }
    let page = Page { number: 1, size: 10 };
    let farm = farms::list(&site.service, &admin(), &FarmFilter::default(), page).unwrap();
    let farm = &farm.items[0].grange;
    assert_eq!((farm.running, farm.servers, farm.freeze.as_deref()), (4, 4, None));
    let now = site.servers();
    assert!(there.iter().all(|old| now.iter().all(|server| server.id != old.id)));
}
