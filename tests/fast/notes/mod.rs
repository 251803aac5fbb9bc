//! Notes: how many there may be, whose they are, and what they go with.

use crate::explain::site::Site;
use grange::base::limit::{NOTES_MAX, NOTES_OF_FARM_MAX};
use grange::base::{Code, EnvironmentId, NoteId, Result};
use grange::model::{Actor, Door, Permission};
use grange::service::farms::notes;
use grange::service::{Service, journal};
use grange::wire::input::{EventsQuery, Page};
use grange::wire::note::{NoteFilter, NoteInput, NoteView};

const ALL: Page = Page { number: 1, size: 100 };

fn ann() -> Actor {
    let permissions = Permission::for_admin();
    Actor { name: "ann".into(), door: Door::Socket, permissions, ..Actor::job("ann") }
}

fn stranger() -> Actor {
    Actor { env: EnvironmentId(2), ..ann() }
}

fn note(service: &Service, who: &Actor, what: &str, text: &str) -> Result<NoteView> {
    notes::add(service, who, &NoteInput { what: what.into(), text: text.into() })
}

fn texts(service: &Service, who: &Actor, about: Option<&str>) -> Result<Vec<String>> {
    let filter = NoteFilter { about: about.map(str::to_owned) };
    let found = notes::list(service, who, &filter, ALL)?;
    Ok(found.items.into_iter().map(|note| format!("{}: {}", note.about, note.text)).collect())
}

/// A site with a farm `shop` that runs, and a note on it, on `shop/web` and on `shop/web-1`.
fn site() -> Site {
    let mut site = Site::new();
    site.act("apply 2 4");
    site.act("settle");
    for (what, text) in [("shop", "one"), ("shop/web", "two"), ("shop/web-1", "three")] {
        note(&site.service, &ann(), what, text).unwrap();
    }
    site
}

#[test]
fn notes_are_listed_with_what_is_under_a_thing() {
    let site = site();
    let check = |about: Option<&str>, expected: &[&str]| {
        assert_eq!(texts(&site.service, &ann(), about).unwrap(), expected, "{about:?}");
    };
    check(None, &["shop: one", "shop/web: two", "shop/web-1: three"]);
    check(Some("shop"), &["shop: one", "shop/web: two", "shop/web-1: three"]);
    check(Some("shop/web"), &["shop/web: two", "shop/web-1: three"]);
    check(Some("shop/web-1"), &["shop/web-1: three"]);
    check(Some("shop/web-2"), &[]);
    for missing in ["shop/we", "shops", "shop/web-9", "8d3c1f0a-1111-4222-8333-444455556666"] {
        let problem = texts(&site.service, &ann(), Some(missing)).unwrap_err();
        assert_eq!(problem.code, Code::ObjectNotFound, "{missing}");
    }
}

#[test]
fn a_note_goes_with_its_thing() {
    let mut site = site();
    site.act("terminate web-1");
    site.act("settle");
    site.act("later 1m");
    site.act("settle");
    // Its record is there, and so is what people knew of it.
    assert_eq!(texts(&site.service, &ann(), None).unwrap().len(), 3);
    site.act("forget");
    assert_eq!(texts(&site.service, &ann(), None).unwrap(), ["shop: one", "shop/web: two"]);
    site.act("remove farm");
    site.act("settle");
    assert_eq!(texts(&site.service, &ann(), None).unwrap(), Vec::<String>::new());
}

#[test]
fn a_note_that_is_removed_stays_in_the_journal() {
    let site = site();
    notes::remove(&site.service, &ann(), NoteId(2)).unwrap();
    assert_eq!(texts(&site.service, &ann(), None).unwrap(), ["shop: one", "shop/web-1: three"]);
    let again = notes::remove(&site.service, &ann(), NoteId(2)).unwrap_err();
    assert_eq!(again.code, Code::ObjectNotFound);
    let query = EventsQuery { max: 100, about: Some("shop/web".into()), ..Default::default() };
    let told = journal::list(&site.service, &ann(), &query).unwrap().events;
    let last = told.last().unwrap();
    assert_eq!((last.verb.as_str(), last.about.as_str()), ("note.remove", "shop/web"));
    assert_eq!(last.text, "note 2 is removed: two");
    assert_eq!(last.actor, "ann");
}

#[test]
fn a_thing_and_a_farm_have_so_many_notes_and_no_more() {
    let site = site();
    let leave = |what: &str| note(&site.service, &ann(), what, "x");
    for _ in 1..NOTES_MAX {
        leave("shop/web-1").unwrap();
    }
    let refused = leave("shop/web-1").unwrap_err();
    assert_eq!(refused.code, Code::LimitExceeded);
    assert!(refused.message.starts_with("shop/web-1 has 20 notes"), "{refused}");
    // Others have room of their own.
    leave("shop/web-2").unwrap();
    let aliases: Vec<String> =
        (0..NOTES_OF_FARM_MAX / NOTES_MAX + 1).map(|n| format!("r{n}")).collect();
    site.declare(&aliases.iter().map(String::as_str).collect::<Vec<&str>>(), 1);
    let mut left = 0;
    let refused = loop {
        let alias = &aliases[left / NOTES_MAX];
        match leave(&format!("shop/{alias}")) {
            Ok(_) => left += 1,
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused.code, Code::LimitExceeded);
    assert!(refused.message.starts_with("shop has 500 notes in all"), "{refused}");
}

#[test]
fn another_environment_has_no_notes_here() {
    let site = site();
    let (service, stranger) = (&site.service, stranger());
    assert_eq!(texts(service, &stranger, None).unwrap(), Vec::<String>::new());
    for outcome in [
        texts(service, &stranger, Some("shop")).map(drop),
        note(service, &stranger, "shop", "x").map(drop),
        notes::remove(service, &stranger, NoteId(1)),
    ] {
        assert_eq!(outcome.unwrap_err().code, Code::ObjectNotFound);
    }
    assert_eq!(texts(service, &ann(), None).unwrap().len(), 3);
}
