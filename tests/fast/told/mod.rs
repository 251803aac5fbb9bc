//! Agents that are told where the appliance is by now, one after the other, until all of them
//! know; and those that cannot be.

use crate::explain::site::Site;
use grange::base::{Clock, ServerId};
use grange::model::{Actor, AgentCursor, Cause, Grant, OrderBody, OrderState};
use grange::service::agents::told;
use grange::service::lookup;
use grange::service::observed::FormerPorts;
use grange::store::{Author, Purpose};

/// Two servers whose agents were told what is told no longer.
fn moved() -> (Site, [ServerId; 2]) {
    let mut site = Site::new();
    for deed in ["apply 2 2", "settle"] {
        site.act(deed);
    }
    let servers = ["web-1", "web-2"].map(|name| site.named(name));
    let author = Author::new(&Grant::job("test"), "test", Cause::Clock, Purpose::Growth);
    let write = move |tx: &mut grange::store::Tx| {
        for server in servers {
            let cursor = lookup::agent_cursor(tx, server)?.expect("it was heard");
            tx.put(&AgentCursor { told: Some("198.51.100.1:8883".to_owned()), ..cursor })?;
        }
        Ok(())
    };
    site.service.store.write(author, write).unwrap();
    let former = FormerPorts { open: vec!["0.0.0.0:9883".into()], lost: Vec::new() };
    site.service.observed.telling.set(Some(former));
    (site, servers)
}

fn tell(site: &Site) -> Option<usize> {
    told::tell(&site.service, &Actor::job("tell")).unwrap()
}

fn alert(site: &Site) -> Option<String> {
    let alerts = site.service.observed.alerts();
    alerts.into_iter().find(|alert| alert.contains("do not know yet that the appliance is at"))
}

fn orders(site: &Site, server: ServerId) -> Vec<OrderState> {
    let orders =
        site.service.read(&Grant::job("test"), |view| lookup::orders_of(view, server)).unwrap();
    let told = orders.into_iter().filter(|order| match &order.body {
        OrderBody::Addresses { appliances } => appliances == &["192.0.2.1:8883"],
        _ => false,
    });
    told.map(|order| order.state).collect()
}

#[test]
fn nobody_is_told_while_nothing_has_changed() {
    let (site, servers) = moved();
    site.service.observed.telling.set(None);
    assert_eq!((tell(&site), orders(&site, servers[0])), (None, Vec::new()));
}

#[test]
fn each_agent_is_told_once_and_the_last_one_ends_it() {
    let (mut site, [first, second]) = moved();
    for server in [first, second] {
        site.service.observed.telling.hello(server, true);
    }
    assert_eq!(tell(&site), Some(2));
    assert_eq!(tell(&site), Some(2));
    assert_eq!(orders(&site, first), [OrderState::Open], "one order each");
    site.act("answer web-1");
    assert_eq!((tell(&site), alert(&site)), (Some(1), None));
    let known = site
        .service
        .read(&Grant::job("test"), |view| lookup::agent_cursor(view, first))
        .unwrap()
        .unwrap();
    assert_eq!(known.told.as_deref(), Some("192.0.2.1:8883"));
    // One that is launched meanwhile knows, also for the next start.
    site.act("apply 3 3");
    site.act("settle");
    let third = site.named("web-3");
    let known = site
        .service
        .read(&Grant::job("test"), |view| lookup::agent_cursor(view, third))
        .unwrap()
        .unwrap();
    assert_eq!(known.told.as_deref(), Some("192.0.2.1:8883"));
    site.act("answer web-2");
    assert_eq!((tell(&site), tell(&site)), (Some(0), None), "all know, and it is over");
    assert_eq!(orders(&site, second).len(), 1);
}

#[test]
fn those_that_cannot_be_told_are_named_with_what_to_do() {
    let (mut site, [first, second]) = moved();
    // An agent of before understands no such order: it gets none.
    site.service.observed.telling.hello(second, true);
    assert_eq!(tell(&site), Some(2));
    assert_eq!(orders(&site, first), []);
    let told = alert(&site).unwrap();
    let why = "shop/web-1 has an agent of version 0.1.0, which cannot be told";
    assert!(told.contains(why) && !told.contains("web-2"), "{told}");
    site.service.observed.telling.hello(first, true);
    tell(&site);
    site.act("answer web-1");
    // One that is away has time to come back after a start.
    site.hang_up(second);
    assert_eq!((tell(&site), alert(&site)), (Some(1), None));
    site.act("later 31s");
    tell(&site);
    let told = alert(&site).unwrap();
    for part in ["192.0.2.1:8883: shop/web-2 is away", "0.0.0.0:9883 stays open", "replace"] {
        assert!(told.contains(part), "{told}");
    }
    // It comes, does not get through, and is told again after a while.
    site.service.observed.agent_connected(second, true, site.clock.now());
    site.service.observed.telling.hello(second, true);
    site.act("later 121s");
    tell(&site);
    site.act("answer web-2 no");
    tell(&site);
    let told = alert(&site).unwrap();
    assert!(told.contains("shop/web-2 the check failed"), "{told}");
    site.act("later 61s");
    tell(&site);
    site.act("answer web-2");
    assert_eq!((tell(&site), alert(&site)), (Some(0), None));
}

#[test]
fn where_nobody_can_listen_any_more_is_said_with_those_who_come_there() {
    let (mut site, [first, second]) = moved();
    let lost = vec!["0.0.0.0:9883 (Address already in use)".to_owned()];
    site.service.observed.telling.set(Some(FormerPorts { open: Vec::new(), lost }));
    site.hang_up(first);
    site.hang_up(second);
    site.act("later 31s");
    assert_eq!(tell(&site), Some(2));
    let told = alert(&site).unwrap();
    for part in ["shop/web-1 is away; shop/web-2 is away", "already in use", "give it back"] {
        assert!(told.contains(part), "{told}");
    }
}
