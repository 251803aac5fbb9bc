//! How services are, from their agent's word to where people look, with the real service over a
//! store in memory.

use crate::explain::site::Site;
use crate::people::admin;
use grange::base::limit::SERVICES_SAID_EVERY;
use grange::base::{Clock, ServerId, Timestamp};
use grange::model::{Actor, ServiceEnd, ServicePhase, ServicePhase::*, ServiceState};
use grange::service::{farms, journal, plans, servers};
use grange::wire::agent::{MessageBody, SAYS_SERVICES};
use grange::wire::api::{FarmView, ServerView};
use grange::wire::input::EventsQuery;

struct Shop {
    site: Site,
}

impl Shop {
    /// Two web servers that run, whose agents say how their services are.
    fn settled() -> Shop {
        let mut site = Site::new();
        site.act("apply 2 2");
        site.act("settle");
        let mut shop = Shop { site };
        for name in ["web-1", "web-2"] {
            shop.hello(name, &[SAYS_SERVICES]);
            shop.say(name, Running, 0, 0);
        }
        shop
    }

    fn hello(&mut self, name: &str, capabilities: &[&str]) {
        let capabilities = capabilities.iter().map(|word| (*word).to_owned()).collect();
        let (version, ready, epoch) = ("0.2.0".to_owned(), true, 1);
        let id = self.site.named(name);
        self.site.say(id, MessageBody::Hello { version, capabilities, ready, epoch });
    }

    fn say(&mut self, name: &str, phase: ServicePhase, restarts: u64, restarts_lately: u32) {
        let ended = ServiceEnd { how: "died of SIGKILL".into(), ..ServiceEnd::default() };
        let state = ServiceState {
            name: "app".into(),
            phase,
            since: self.site.clock.now(),
            restarts,
            counted_since: Timestamp(0),
            restarts_lately,
            last_end: (restarts > 0 || phase == Failed).then_some(ended),
            printed: String::new(),
        };
        let id = self.site.named(name);
        self.site.say(id, MessageBody::Services { services: vec![state] });
    }

    fn server(&self, name: &str) -> ServerView {
        servers::get(&self.site.service, &admin(), self.site.named(name)).unwrap()
    }

    fn conditions(&self, name: &str) -> Vec<String> {
        let found = self.server(name).grange.conditions.into_iter();
        found.map(|it| format!("{} {}", it.name, it.why)).collect()
    }

    fn farm(&self) -> FarmView {
        let farm = plans::farms(&self.site.service).unwrap()[0];
        farms::get(&self.site.service, &admin(), farm).unwrap()
    }

    fn plan(&self) {
        for farm in plans::farms(&self.site.service).unwrap() {
            plans::tick(&self.site.service, &Actor::job("plan"), farm).unwrap();
        }
    }

    fn alerts(&self) -> String {
        self.site.service.observed.alerts().join("\n")
    }

    /// What the journal says of a server by its agent's word about services.
    fn entries(&self, name: &str) -> Vec<String> {
        let about = Some(format!("shop/{name}"));
        let query = EventsQuery { about, max: 100, ..EventsQuery::default() };
        let told = journal::list(&self.site.service, &admin(), &query).unwrap().events;
        told.into_iter().filter(|it| it.verb == "agent.services").map(|it| it.text).collect()
    }
}

#[test]
fn a_crash_loop_is_seen_wherever_people_look_and_ends_by_itself() {
    let mut shop = Shop::settled();
    assert_eq!((shop.conditions("web-1").len(), shop.farm().grange.unhealthy), (0, 0));
    shop.site.service.observed.take_news();
    shop.say("web-1", Starting, 1, 1);
    assert_eq!(shop.conditions("web-1").len(), 0, "one restart is none");
    shop.say("web-1", BackingOff, 3, 3);
    let why = "service app keeps ending and is started again (3 restarts within 10 m): it last \
               died of SIGKILL";
    assert_eq!(shop.conditions("web-1"), [format!("crashLoop {why}")]);
    assert_eq!(shop.conditions("web-2").len(), 0);
    let id = shop.site.named("web-1");
    assert!(shop.site.service.observed.take_news().servers.contains(&id), "planning hears of it");
    let farm = shop.farm().grange;
    assert_eq!((farm.unhealthy, farm.running), (1, 1));
    assert!(farm.waiting.contains(&format!("web-1: {why}")), "{:?}", farm.waiting);
    let alert = "a service keeps ending: shop/web-1: service app, at least 3 restarts within 10 m; \
                 it last died of SIGKILL";
    assert!(shop.alerts().contains(alert), "{}", shop.alerts());
    let explained = journal::explain::explain(&shop.site.service, &admin(), "shop/web-1").unwrap();
    assert!(explained.waiting[0].contains(why), "{:?}", explained.waiting);
    let explained = journal::explain::explain(&shop.site.service, &admin(), "shop/web").unwrap();
    assert!(explained.now.contains(why), "{}", explained.now);
    // It is up for the moment, and that is no end of it.
    shop.say("web-1", Running, 4, 4);
    assert!(shop.conditions("web-1")[0].starts_with("crashLoop service app is running, and keeps"));
    assert!(shop.alerts().contains(alert), "its words stay: {}", shop.alerts());
    shop.say("web-1", Running, 4, 2);
    assert_eq!((shop.conditions("web-1").len(), shop.farm().grange.unhealthy), (0, 0));
    assert_eq!(shop.alerts(), "");
}

#[test]
fn what_is_down_for_good_is_a_condition_and_an_alert() {
    let mut shop = Shop::settled();
    shop.say("web-2", Failed, 0, 0);
    let why = "serviceDown service app died of SIGKILL and is not started again";
    assert_eq!(shop.conditions("web-2"), [why]);
    assert_eq!(shop.farm().grange.unhealthy, 1);
    assert!(shop.alerts().contains("shop/web-2: service app, failed"), "{}", shop.alerts());
    // A server that goes takes its alert along.
    shop.site.act("terminate web-2");
    shop.plan();
    shop.plan();
    assert_eq!(shop.alerts(), "");
}

#[test]
fn an_hour_of_crashes_is_four_entries_in_the_journal() {
    let mut shop = Shop::settled();
    for restarts in 1..600u64 {
        shop.site.clock.advance(SERVICES_SAID_EVERY);
        let lately = u32::try_from(restarts.min(20)).unwrap();
        shop.say("web-1", if restarts > 2 { BackingOff } else { Starting }, restarts, lately);
    }
    shop.say("web-1", Running, 600, 0);
    let since = "since 1970-01-01T00:00:00.000Z";
    assert_eq!(
        shop.entries("web-1"),
        [
            format!("service app was restarted: it died of SIGKILL (1 restart {since})"),
            format!("service app was restarted: it died of SIGKILL (2 restarts {since})"),
            "service app keeps ending and is started again (3 restarts within 10 m): it last died \
             of SIGKILL"
                .to_owned(),
            format!("service app is well again: running, 600 restarts {since}"),
        ]
    );
}

#[test]
fn nobody_says_that_a_service_runs_but_its_agent() {
    let mut shop = Shop::settled();
    assert_eq!(shop.server("web-1").grange.services[0].state, "running");
    // An older agent took its place: what was heard before is nobody's word any more.
    shop.say("web-1", BackingOff, 5, 5);
    shop.hello("web-1", &[]);
    let server = shop.server("web-1").grange;
    assert_eq!((server.services.len(), server.services_at), (0, None));
    assert_eq!((shop.conditions("web-1").len(), shop.farm().grange.unhealthy), (0, 0));
    // One of another server's, or of none, changes nothing.
    let nobody = MessageBody::Services { services: Vec::new() };
    assert!(shop.site.try_to_say(ServerId(9), nobody).is_err());
}
