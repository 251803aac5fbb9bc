//! The terminal UI as goldens: each `.screen` file names a world, a size and keys, and holds the
//! screen they lead to. To add one, write the four lines above `---` and run with `BLESS=1`.

mod catalogue;
mod notes;
mod world;

use grange::tui::effect::Effect;
use grange::tui::event::{Answer, Event, Key};
use grange::tui::runner::ask;
use grange::tui::state::State;
use grange::tui::theme::{Signs, Theme};
use grange::tui::update::update;
use grange::tui::{Source, view};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::path::Path;
use std::time::Instant;
use world::World;

/// A session without threads: every effect is carried out at once.
struct Session {
    world: World,
    state: State,
    tick: u64,
    /// Effects that reach the outside, for assertions.
    done: Vec<Effect>,
}

impl Session {
    fn new(world: World, size: (u16, u16), signs: Signs) -> Session {
        let state = State::new(size, signs, Theme::shipped(true), false);
        let mut session = Session { world, state, tick: 0, done: Vec::new() };
        session.event(Event::Tick(0));
        let news = session.world.events(0, 1000, 0);
        session.event(Event::News(news));
        session.wait(300);
        session
    }

    fn event(&mut self, event: Event) {
        let mut effects = update(&mut self.state, event);
        while !effects.is_empty() {
            let mut next = Vec::new();
            for effect in effects.drain(..) {
                match effect {
                    Effect::Fetch(wants) => {
                        for want in wants {
                            let answer = ask(&self.world, want);
                            next.extend(update(&mut self.state, Event::Answer(answer)));
                        }
                        let fetched = Event::Answer(Answer::Fetched(1));
                        next.extend(update(&mut self.state, fetched));
                    }
                    Effect::Act(action) => {
                        self.done.push(Effect::Act(action.clone()));
                        let acted = Answer::Acted(self.world.act(action));
                        next.extend(update(&mut self.state, Event::Answer(acted)));
                    }
                    other => self.done.push(other),
                }
            }
            effects = next;
        }
    }

    fn wait(&mut self, ms: u64) {
        self.tick += ms;
        self.event(Event::Tick(self.tick));
    }

    /// Presses keys by name; `type:text` types, `wait:40s` lets time pass, `lose` and `find` cut
    /// and mend the way to the appliance.
    fn script(&mut self, keys: &str) {
        for word in keys.split_whitespace() {
            if let Some(text) = word.strip_prefix("type:") {
                for c in text.replace('_', " ").chars() {
                    self.event(Event::Key(Key::Char(c)));
                }
            } else if let Some(seconds) = word.strip_prefix("wait:") {
                let seconds: u64 = seconds.trim_end_matches('s').parse().expect("seconds");
                self.wait(seconds * 1000);
            } else if word == "lose" {
                self.world.gone = true;
                self.event(Event::News(Err("connection refused".into())));
            } else if word == "find" {
                self.world.gone = false;
                self.event(Event::News(Ok(Vec::new())));
            } else {
                let key = Key::parse(word).unwrap_or_else(|| panic!("no key {word:?}"));
                self.event(Event::Key(key));
            }
        }
    }

    fn screen(&self) -> String {
        let (columns, rows) = self.state.size;
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("a terminal");
        terminal.draw(|frame| view::view(&self.state, frame)).expect("a frame");
        view::text_of(terminal.backend().buffer())
    }
}

fn size(text: &str) -> (u16, u16) {
    let (columns, rows) = text.split_once('x').expect("columns x rows");
    (columns.parse().expect("columns"), rows.parse().expect("rows"))
}

/// The screen a golden's head leads to.
fn render(head: &str) -> String {
    let field = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.strip_prefix(name));
        lines.next().map(|rest| rest.trim_start_matches(':').trim().to_owned())
    };
    let world = World::named(&field("world").expect("a world"));
    let signs = match field("signs").as_deref() {
        Some("ascii") => Signs::ASCII,
        _ => Signs::UNICODE,
    };
    let mut session = Session::new(world, size(&field("size").expect("a size")), signs);
    session.state.read_only = field("mode").as_deref() == Some("read-only");
    session.script(&field("keys").unwrap_or_default());
    session.screen()
}

#[test]
fn screens_are_as_they_were() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tui");
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).expect("the folder of screens") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|end| end != "screen") {
            continue;
        }
        seen += 1;
        let golden = std::fs::read_to_string(&path).expect("a screen");
        let (head, expected) = golden.split_once("---\n").unwrap_or((&golden, ""));
        let screen = render(head);
        if bless {
            std::fs::write(&path, format!("{head}---\n{screen}")).expect("blessed");
        } else if screen != expected {
            wrong.push(format!("{}\nexpected\n{expected}\nfound\n{screen}", path.display()));
        }
    }
    assert!(seen >= 20, "{seen} screens found");
    assert!(wrong.is_empty(), "{}\nBLESS=1 takes the new ones", wrong.join("\n"));
}

/// Whether a terminal would obey a character of a screen, or nobody would see it.
fn steers(c: char) -> bool {
    c != '\n' && grange::base::text::is_hidden(c)
}

#[test]
fn no_size_and_no_page_panics() {
    let pages = [
        "",
        "enter",
        "enter tab",
        "enter enter",
        "e",
        "s",
        "?",
        "enter j w",
        ":",
        ": type:farm_",
        "/",
        "t",
        "enter t",
        "lose",
        "enter lose wait:50s",
        ": type:servers enter",
        "p",
    ];
    let worlds = ["shop", "empty", "hostile", "frozen", "lost"];
    let all = worlds.iter().flat_map(|name| pages.map(|keys| (*name, keys)));
    let more = ["enter", "enter v", "enter v A"].map(|keys| ("rolling", keys));
    for (name, keys) in all.chain(more).chain([("breaker", "s"), ("hostile", "enter v")]) {
        let mut session = Session::new(World::named(name), (80, 24), Signs::UNICODE);
        session.script(if name == "rolling" { "G" } else { "" });
        session.script(keys);
        for columns in (0..70).chain([79, 80, 119, 200, 500]) {
            for rows in [0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 14, 15, 16, 24, 60] {
                session.state.size = (columns, rows);
                let screen = session.screen();
                assert!(!screen.contains(steers), "{name} {keys}");
            }
        }
        assert!(!view::plain_text(&session.state).contains(steers), "{name} {keys}");
    }
}

#[test]
fn what_cannot_be_taken_back_is_asked_by_severity() {
    let check_in = |world: &str, keys: &str, acts: usize| {
        let mut session = Session::new(World::named(world), (80, 24), Signs::UNICODE);
        session.script(keys);
        let done = session.done.iter().filter(|effect| matches!(effect, Effect::Act(_)));
        assert_eq!(done.count(), acts, "{world} {keys}");
    };
    let check = |keys: &str, acts: usize| check_in("shop", keys, acts);
    check("G t type:y enter", 0);
    check("G t type:shop enter", 1);
    check("G t type:sho enter", 0);
    check("G t type:shop esc", 0);
    check("G enter t type:y enter", 1);
    check("G enter ctrl-t enter", 0);
    check("G enter r type:y enter", 1);
    check("G L", 1);
    check("G : type:terminate_shop enter type:shop enter", 1);
    check("G S type:y enter", 0);
    check("G S type:shop enter", 1);
    check("G : type:stop_shop enter type:shop enter", 1);
    check("G : type:start_shop enter", 1);
    check_in("stopped", "G S", 1);
    // Without a rollout there is nothing to say but that it is to be as it was before.
    check("G enter v P type:y enter A type:y enter R type:y enter", 0);
    check("G enter v B enter", 0);
    check("G enter v B type:y enter", 1);
    let web = "G enter G v";
    check_in("rolling", &format!("{web} P type:n enter"), 0);
    check_in("rolling", &format!("{web} P type:y enter A type:y enter"), 2);
    check_in("rolling", "G enter tab P type:y enter", 1);
    check_in("rolling", "G enter : type:rollout_shop/web_abort enter type:y enter", 1);
    check_in("paused", &format!("{web} R type:y enter"), 1);
    check("s R type:y enter", 0);
    check_in("breaker", "s R enter", 0);
    check_in("breaker", "s R type:y enter", 1);
}

#[test]
fn a_session_that_may_only_look_does_nothing() {
    let mut session = Session::new(World::named("shop"), (80, 24), Signs::UNICODE);
    session.state.read_only = true;
    session.script("G L S type:shop enter t type:shop enter");
    session.script("enter t type:y enter r type:y enter v B type:y enter s R type:y enter");
    let acted = session.done.iter().any(|effect| matches!(effect, Effect::Act(_)));
    assert!(!acted, "{:?}", session.done);
}

#[test]
fn the_selection_stays_on_its_server_when_others_come() {
    let mut session = Session::new(World::named("shop"), (80, 24), Signs::UNICODE);
    session.script("G enter G");
    let chosen = session.state.selected_server().map(|server| server.hostname.clone());
    session.world.servers.remove(0);
    session.wait(20_000);
    assert_eq!(session.state.selected_server().map(|s| s.hostname.clone()), chosen);
}

#[test]
fn ids_are_copied_and_pages_printed() {
    let mut session = Session::new(World::named("shop"), (80, 24), Signs::UNICODE);
    session.script("G y p");
    assert_eq!(session.done[0], Effect::Copy("shop".into()));
    let Effect::Plain(text) = &session.done[1] else { panic!("{:?}", session.done) };
    assert!(text.contains("shop") && text.contains("reports-nightly"), "{text}");
    session.script("j");
    assert_eq!(session.done[2], Effect::Repaint, "any key comes back");
}

/// Printed, not asserted: figures belong to the machine they were measured on.
#[test]
fn a_frame_with_ten_thousand_servers() {
    let mut session = Session::new(World::fleet(10_000), (120, 40), Signs::UNICODE);
    session.script(": type:servers enter G");
    assert_eq!(session.state.rows.shown.len(), 10_000);
    let begun = Instant::now();
    for _ in 0..20 {
        session.script("k");
        assert!(session.screen().contains("fleet/tier-"));
    }
    println!("a key and its frame: {:?}", begun.elapsed() / 20);
    let begun = Instant::now();
    session.script("/ type:tier-07");
    println!("a filter of 7 letters: {:?}", begun.elapsed());
    let begun = Instant::now();
    session.script("enter o o");
    println!("two orders: {:?}", begun.elapsed());
}

/// A key in the footer does something: on no page, in no world, is one shown that only answers that
/// nothing is selected. Those that are shown still work where something is.
#[test]
fn no_key_is_shown_that_has_nothing_to_act_on() {
    use grange::tui::keymap::Keymap;
    let ways =
        ["", "enter", "enter tab", "enter enter", "enter v", "e", "s", "w", "type::servers enter"];
    let mut shown = 0;
    for name in ["empty", "shop", "lost", "frozen"] {
        for way in ways {
            let open = || {
                let mut session = Session::new(World::named(name), (200, 50), Signs::UNICODE);
                session.script(way);
                session
            };
            let session = open();
            let scope = session.state.page().place.scope();
            let keys = Keymap::shipped().at(scope).filter(|binding| binding.foot.is_some());
            let keys: Vec<Key> =
                keys.filter(|binding| session.state.can(binding.verb)).map(|b| b.on[0]).collect();
            for key in keys {
                let mut session = open();
                session.state.message = None;
                session.event(Event::Key(key));
                let said = session.state.message.as_ref().map(|(text, ..)| text.as_str());
                assert_ne!(said, Some("Nothing is selected"), "{name}, {way:?}, {}", key.label());
                shown += 1;
            }
        }
    }
    assert!(shown > 100, "{shown}");
}

#[test]
fn what_was_said_on_one_page_is_not_shown_on_another() {
    let mut session = Session::new(World::named("shop"), (80, 24), Signs::UNICODE);
    session.script("o");
    assert!(session.screen().contains("Ordered by"), "{}", session.screen());
    session.script("enter");
    assert!(!session.screen().contains("Ordered by"), "{}", session.screen());
}

/// On a black or a white ground, some of the sixteen colours cannot be read.
#[test]
fn every_colour_of_the_theme_can_be_read() {
    let theme = include_str!("../../assets/themes/default.toml");
    for bad in ["\"blue\"", "\"black\"", "\"white\"", "\"gray\"", "\"darkgray\""] {
        assert!(!theme.contains(bad), "{bad}");
    }
}
