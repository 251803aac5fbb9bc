//! What a balancer sees of the servers behind it, from its agent's word to where people look.

use super::{Shop, admin};
use grange::base::limit::{BALANCER_LOOK, UNHEALTHY_ALERT_AFTER};
use grange::base::{Clock, ServerId};
use grange::model::{Actor, Cause, Grant, MemberDown, Server};
use grange::service::farms::members;
use grange::service::{journal, lookup, plans, servers};
use grange::store::{Author, Purpose};
use grange::wire::agent::MessageBody;
use grange::wire::input::EventsQuery;

const TIMEOUT: &str = "the balancer cannot reach it: L4 timeout";

impl Shop {
    fn named(&self, name: &str) -> Server {
        self.site.servers().into_iter().find(|server| server.hostname == name).unwrap()
    }

    /// The agent of one server says which members its balancer does not reach.
    fn down(&mut self, from: &str, names: &[&str]) {
        let down = names
            .iter()
            .map(|name| {
                let id = self.named(name).id.to_string();
                MemberDown { name: format!("{name}-{}", &id[..8]), why: "L4 timeout".into() }
            })
            .collect();
        let from = self.named(from).id;
        self.site.say(from, MessageBody::Members { members: 3, down });
    }

    /// Its conditions that are about being reached, as people see them.
    fn conditions(&self, name: &str) -> Vec<String> {
        let view = servers::get(&self.site.service, &admin(), self.named(name).id).unwrap();
        let said = view.grange.conditions.into_iter();
        said.filter(|it| ["unhealthy", "reachesNone", "partlyReached"].contains(&it.name.as_str()))
            .map(|it| format!("{} {}", it.name, it.why))
            .collect()
    }

    fn unhealthy(&self) -> u32 {
        let service = &self.site.service;
        let farm = plans::farms(service).unwrap()[0];
        grange::service::farms::get(service, &admin(), farm).unwrap().grange.unhealthy
    }

    /// Its farm role balances nothing from now on.
    fn turn_into_a_web_server(&self, alias: &str) {
        let service = &self.site.service;
        let farm = plans::farms(service).unwrap()[0];
        let roles =
            service.read(&Grant::job("test"), |view| lookup::farm_roles_of(view, farm)).unwrap();
        let mut role = roles.into_iter().find(|role| role.alias.as_str() == alias).unwrap();
        role.balance = None;
        let author =
            Author::new(&Grant::job("admin"), "farm-role.turn", Cause::Request, Purpose::Growth);
        service.write(author, move |tx| Ok(tx.put(&role).map(drop)?)).unwrap();
    }

    fn alerts(&self) -> String {
        self.site.service.observed.alerts().join("\n")
    }

    fn id(&self, name: &str) -> ServerId {
        self.named(name).id
    }
}

#[test]
fn a_server_that_its_balancer_does_not_reach_is_unhealthy_with_since_when_and_why() {
    let mut shop = Shop::settled();
    shop.site.service.observed.take_news();
    shop.down("lb-1", &["web-2"]);
    let told = shop.conditions("web-2").join("");
    assert!(told.starts_with("unhealthy for 0 ms, since "), "{told}");
    assert!(told.ends_with(TIMEOUT), "{told}");
    assert_eq!((shop.unhealthy(), shop.conditions("web-1").len()), (1, 0));
    let news = shop.site.service.observed.take_news();
    assert!(news.servers.contains(&shop.id("web-2")), "planning hears of it");
    // It goes on getting requests from whoever reaches it: taking it out is the balancer's.
    assert_eq!(shop.configure(), 0);
    shop.plan();
    assert!(!shop.alerts().contains("web-2"), "{}", shop.alerts());
    shop.site.clock.advance(UNHEALTHY_ALERT_AFTER);
    shop.plan();
    assert!(shop.alerts().contains("shop/web-2 (replaced if it goes on)"), "{}", shop.alerts());
    shop.down("lb-1", &[]);
    assert_eq!((shop.unhealthy(), shop.conditions("web-2").len()), (0, 0));
    shop.plan();
    assert!(!shop.alerts().contains("web-2"), "{}", shop.alerts());
}

#[test]
fn a_balancer_that_reaches_nothing_is_an_alert_of_its_own() {
    let mut shop = Shop::settled();
    shop.down("lb-1", &["web-1", "web-2", "web-3"]);
    assert_eq!(shop.unhealthy(), 3);
    assert_eq!(shop.conditions("lb-1"), ["reachesNone it reaches none of the 3 servers behind it"]);
    shop.site.act("later 20m");
    shop.plan();
    let alert = "a balancer reaches no server behind it: shop/lb: none of 3 of shop/web";
    assert!(shop.alerts().contains(alert), "{}", shop.alerts());
    assert!(shop.alerts().contains("none is replaced"), "{}", shop.alerts());
    let stays = shop.site.servers().iter().filter(|server| server.status.is_wanted()).count();
    assert_eq!(stays, 4, "none is replaced");
    shop.down("lb-1", &["web-1"]);
    shop.plan();
    assert!(!shop.alerts().contains("a balancer reaches no"), "{}", shop.alerts());
}

#[test]
fn a_server_that_one_of_two_balancers_does_not_reach_serves_and_says_so() {
    let mut shop = Shop::settled();
    shop.apply_balanced_by("small", 2);
    shop.site.act("settle");
    shop.down("lb-1", &[]);
    shop.down("lb-2", &["web-2"]);
    let told = ["partlyReached 1 of 2 balancers cannot reach it: L4 timeout"];
    assert_eq!(shop.conditions("web-2"), told);
    assert_eq!((shop.unhealthy(), shop.conditions("web-1").len()), (0, 0));
    shop.down("lb-1", &["web-2"]);
    assert_eq!(shop.unhealthy(), 1);
    shop.down("lb-1", &[]);
    shop.down("lb-2", &[]);
    assert_eq!((shop.unhealthy(), shop.conditions("web-2").len()), (0, 0));
}

#[test]
fn a_balancer_speaks_for_what_is_behind_it_and_only_while_it_is_there() {
    let mut shop = Shop::settled();
    shop.down("web-1", &["web-2"]);
    assert_eq!(shop.unhealthy(), 0, "a web server balances nothing");
    shop.down("lb-1", &["lb-1"]);
    assert_eq!(shop.unhealthy(), 0, "it is not behind itself");
    shop.down("lb-1", &["web-2"]);
    assert_eq!(shop.unhealthy(), 1);
    shop.site.hang_up(shop.id("lb-1"));
    assert_eq!(shop.unhealthy(), 0, "nobody can tell any more");
    let query = EventsQuery { about: Some("shop/web-2".into()), max: 1, ..Default::default() };
    let told = journal::list(&shop.site.service, &admin(), &query).unwrap().events;
    let told = told.iter().map(|entry| format!("{} {}", entry.verb, entry.text));
    let said = "agent.lost the balancer that did not reach it lost its agent: nobody can tell now";
    assert_eq!(told.collect::<Vec<_>>(), [said]);
    // Nothing turns, and nothing is said.
    let last = shop.site.service.store.last_seq();
    shop.site.hang_up(shop.id("web-1"));
    assert_eq!(shop.site.service.store.last_seq(), last);
}

#[test]
fn what_balances_nothing_any_more_says_nothing_of_servers() {
    let mut shop = Shop::settled();
    shop.down("lb-1", &["web-2"]);
    let forget = |shop: &Shop| {
        members::forget_others(&shop.site.service, &Actor::job("balancers")).unwrap();
    };
    forget(&shop);
    assert_eq!(shop.unhealthy(), 1, "it balances");
    shop.turn_into_a_web_server("lb");
    forget(&shop);
    assert_eq!((shop.unhealthy(), shop.conditions("lb-1").len()), (0, 0));
    let query = EventsQuery { about: Some("shop/web-2".into()), max: 1, ..Default::default() };
    let told = journal::list(&shop.site.service, &admin(), &query).unwrap().events;
    assert_eq!(told[0].text, "what did not reach it balances nothing any more");
    // Nor does what its agent still says.
    shop.down("lb-1", &["web-2"]);
    assert_eq!(shop.unhealthy(), 0);
}

#[test]
fn a_file_that_was_refused_is_ordered_again_after_a_while() {
    let mut shop = Shop::settled();
    shop.apply("large");
    shop.plan();
    shop.tell("answer lb-1 no");
    assert_eq!(shop.configure(), 0);
    let begun = shop.site.clock.monotonic();
    while shop.configure() == 0 {
        shop.site.clock.advance(BALANCER_LOOK);
        assert!(shop.site.clock.monotonic() - begun <= 300_000, "within 5 minutes");
    }
    assert!(shop.site.clock.monotonic() - begun >= 290_000);
}
