//! Orders to agents: when one is given up.

use super::races::admin;
use crate::explain::site::Site;
use grange::base::{Clock, OrderId, Timestamp};
use grange::model::{Actor, OrderState};
use grange::service::{lookup, orders, servers};
use grange::wire::api::CommandRequest;

/// A server that runs, with an open order that may take twenty minutes; also its deadline.
fn ordered() -> (Site, OrderId, Timestamp) {
    let mut site = Site::new();
    site.declare(&["web"], 1);
    site.act("settle");
    let request = CommandRequest { command: vec!["true".into()], timeout_ms: 1_200_000 };
    let server = site.named("web-1");
    let shown = servers::run(&site.service, &admin(), server, &request).unwrap();
    let id = OrderId(shown.id);
    let order = site.service.read(|view| lookup::order(view, id)).unwrap().unwrap();
    (site, id, order.deadline)
}

fn expire(site: &Site, id: OrderId) -> (usize, OrderState) {
    let count = orders::expire(&site.service, &Actor::job("orders")).unwrap();
    let order = site.service.read(|view| lookup::order(view, id)).unwrap().unwrap();
    (count, order.state)
}

#[test]
fn an_order_is_open_up_to_its_deadline_and_given_up_after_it() {
    let (site, id, deadline) = ordered();
    let left = deadline.since(site.clock.now());
    site.clock.advance(left);
    assert_eq!(expire(&site, id), (0, OrderState::Open), "at its deadline");
    site.clock.advance(1);
    assert_eq!(expire(&site, id), (1, OrderState::Expired), "after it");
    let seq = site.service.store.last_seq();
    assert_eq!(expire(&site, id), (0, OrderState::Expired), "once");
    assert_eq!(site.service.store.last_seq(), seq, "nothing is new");
}
