//! What is around each page: where we are, how the appliance is, which keys work.

use super::ROOMY;
use super::pen::{Line, Pen};
use crate::tui::keymap::{Binding, Keymap, Scope};
use crate::tui::state::{Input, Link, Place, State};
use crate::tui::text::{age, count, hour, width};
use crate::tui::theme::Tone;
use ratatui::layout::Rect;

/// Whether there is room for rules and columns.
pub fn roomy(area: Rect) -> bool {
    area.width >= ROOMY.0 && area.height >= ROOMY.1
}

/// Where the page itself goes.
pub fn body(state: &State, area: Rect) -> Rect {
    let banner = u16::from(matches!(state.link, Link::Lost { .. }));
    let (above, below) = match (roomy(area), area.height) {
        (true, _) => (2 + banner, 2),
        (false, 0..3) => (0, 0),
        (false, 3..6) => (1, 0),
        (false, _) => (1, 1),
    };
    Rect { y: area.y + above, height: area.height.saturating_sub(above + below), ..area }
}

/// Draws everything around the page and says where the page goes.
pub fn draw(state: &State, area: Rect, pen: &mut Pen) -> Rect {
    let body = body(state, area);
    if roomy(area) {
        header(state, area, pen);
        title_rule(state, area, pen);
        if let Link::Lost { .. } = &state.link {
            let text = format!(" {}", banner(state));
            pen.fill(area.x, area.y + 2, area.width, " ", Tone::Alert);
            pen.put(area.x, area.y + 2, area.width, &text, Tone::Alert);
        }
        message_rule(state, area, pen);
        keys(state, area, pen);
        return Rect { x: body.x, width: body.width, ..body };
    }
    if body.y > area.y {
        small_header(state, area, pen);
    }
    if body.bottom() < area.bottom() {
        small_footer(state, area, pen);
    }
    body
}

/// The way we came, as `shop › web-1`.
pub fn crumbs(state: &State) -> String {
    let mut names: Vec<String> = Vec::new();
    let mut way = String::new();
    for page in &state.pages {
        let name = crumb(state, &page.place);
        // What the way has said already is not said again: `shop › web-1 › why`.
        names.push(match &page.place {
            Place::Why(what) if *what == way => "why".into(),
            Place::Log(what) if *what == way => "log".into(),
            Place::Events(about) if *about == way && !way.is_empty() => "events".into(),
            _ => name,
        });
        way = match &page.place {
            Place::Farm(id) => state.farm(*id).map_or_else(String::new, |farm| farm.name.clone()),
            Place::Role(farm, role) => state.role_name(*farm, *role).unwrap_or_default(),
            Place::Server(id) => {
                state.shown_server(id).map_or_else(String::new, |server| server.grange.name.clone())
            }
            Place::Why(what) | Place::Log(what) | Place::Events(what) => what.clone(),
            Place::Entry(noun, name) => noun.subject(name).unwrap_or_default(),
            Place::Farms
            | Place::Servers
            | Place::Status
            | Place::Catalogue(_)
            | Place::Help(_) => String::new(),
        };
    }
    names.join(&format!(" {} ", state.signs.into))
}

fn crumb(state: &State, place: &Place) -> String {
    match place {
        Place::Farms => "farms".into(),
        Place::Farm(id) => {
            state.farm(*id).map_or_else(|| format!("farm {id}"), |farm| farm.name.clone())
        }
        Place::Role(farm, role) => {
            let view = state.role(*farm, *role);
            view.map_or_else(|| format!("farm role {role}"), |role| role.alias.clone())
        }
        Place::Servers => "servers".into(),
        Place::Server(id) => {
            state.shown_server(id).map_or_else(|| id.clone(), |server| server.hostname.clone())
        }
        Place::Events(about) if about.is_empty() => "events".into(),
        Place::Events(about) => format!("events of {about}"),
        Place::Why(what) => format!("why {what}"),
        Place::Log(what) => format!("log of {what}"),
        Place::Status => "status".into(),
        Place::Catalogue(noun) => noun.name().into(),
        Place::Entry(_, name) => name.clone(),
        Place::Help(_) => "help".into(),
    }
}

/// How the appliance is, in two words.
pub fn link_words(state: &State) -> String {
    let signs = &state.signs;
    match &state.link {
        Link::Opening => format!("{} connecting", signs.busy),
        Link::Up => format!("{} connected", signs.on),
        Link::Lost { since, .. } => {
            format!("{} stale {}", signs.bad, age(state.tick.saturating_sub(*since)))
        }
    }
}

fn link_tone(state: &State) -> Tone {
    match &state.link {
        Link::Opening => Tone::Busy,
        Link::Up => Tone::Good,
        Link::Lost { .. } => Tone::Bad,
    }
}

fn banner(state: &State) -> String {
    let Link::Lost { since, why } = &state.link else { return String::new() };
    let age = age(state.tick.saturating_sub(*since));
    format!("No answer for {age}: {why}. Last seen is shown; trying again.")
}

fn header(state: &State, area: Rect, pen: &mut Pen) {
    let mut right: Line = vec![(link_words(state), link_tone(state))];
    if let Some(status) = &state.data.status {
        right.push((format!("  {}", status.version), Tone::Dim));
        right.push((format!("  {} UTC", hour(state.now())), Tone::Plain));
        let alerts = status.alerts.len();
        let (words, tone) = match alerts {
            0 => ("  no alerts".to_owned(), Tone::Dim),
            _ => (format!("  {} {}", state.signs.bad, count(alerts as u64, "alert")), Tone::Bad),
        };
        right.push((words, tone));
    }
    let wide: usize = right.iter().map(|(text, _)| width(text)).sum();
    let wide = u16::try_from(wide + 1).unwrap_or(u16::MAX).min(area.width);
    let room = area.width - wide;
    let name = pen.put(area.x + 1, area.y, room.saturating_sub(2), "Grange", Tone::Title);
    let x = name + 3;
    pen.put(area.x + x, area.y, room.saturating_sub(x + 1), &crumbs(state), Tone::Accent);
    pen.line(area.x + room, area.y, wide, &right);
}

fn title_rule(state: &State, area: Rect, pen: &mut Pen) {
    let y = area.y + 1;
    pen.fill(area.x, y, area.width, state.signs.rule, Tone::Dim);
    let page = state.page();
    let mut title = String::new();
    if page.place.scope().is_list() && state.rows.of > 0 {
        let (shown, of) = (state.rows.shown.len(), state.rows.of);
        let noun = match page.place {
            Place::Farms => "farm",
            Place::Events(_) => "event",
            Place::Catalogue(noun) => noun.one(),
            _ => "server",
        };
        let all = count(of as u64, noun);
        title = if shown == of { format!(" {all} ") } else { format!(" {shown} of {all} ") };
    }
    let role = page.only_role.and_then(|id| {
        let Place::Farm(farm) = page.place else { return None };
        state.data.roles.get(&farm)?.iter().find(|role| role.id == id)
    });
    if let Some(role) = role {
        title.push_str(&format!("only {} ", role.alias));
    }
    if !page.filter.is_empty() && state.input != Input::Filter {
        title.push_str(&format!("filter {} ", page.filter));
    }
    if !title.is_empty() {
        let wide = u16::try_from(width(&title)).unwrap_or(0);
        let x = area.width.saturating_sub(wide + 2);
        pen.put(area.x + x, y, area.width - x, &title, Tone::Plain);
    }
}

fn message_rule(state: &State, area: Rect, pen: &mut Pen) {
    let y = area.bottom() - 2;
    pen.fill(area.x, y, area.width, state.signs.rule, Tone::Dim);
    if !state.page().place.scope().is_list() && state.page().at < super::scroll_max(state) {
        let more = " more below ";
        let wide = u16::try_from(width(more)).unwrap_or(0);
        let x = area.width.saturating_sub(wide + 2);
        pen.put(area.x + x, y, area.width - x, more, Tone::Plain);
    }
    if let Some((text, _, bad)) = &state.message {
        let (sign, tone) =
            if *bad { (state.signs.bad, Tone::Bad) } else { (state.signs.item, Tone::Accent) };
        let text = format!(" {sign} {text} ");
        pen.put(area.x + 1, y, area.width.saturating_sub(2), &text, tone);
    }
}

/// The keys of the footer: those with a word, as many as fit, help and quit always.
fn keys(state: &State, area: Rect, pen: &mut Pen) {
    let y = area.bottom() - 1;
    if state.input == Input::Filter {
        filter_line(state, area, y, pen);
        return;
    }
    let scope = match state.input {
        Input::None => state.page().place.scope(),
        _ => Scope::Input,
    };
    let shown = |binding: &&Binding| {
        let acts = ["launch", "terminate", "reboot", "pause", "resume", "abort", "undo"];
        let word = binding.foot.as_deref();
        word.is_some()
            && state.can(binding.verb)
            && !(state.read_only && word.is_some_and(|w| acts.contains(&w)))
    };
    let mut bindings: Vec<&Binding> = Keymap::shipped().at(scope).filter(shown).collect();
    if state.pages.len() < 2 {
        bindings.retain(|binding| binding.foot.as_deref() != Some("back"));
    }
    let wide = |binding: &Binding| {
        width(&binding.on[0].label()) + binding.foot.as_deref().map_or(0, width) + 3
    };
    let last_two = bindings.split_off(bindings.len().saturating_sub(2));
    let kept: usize = last_two.iter().map(|binding| wide(binding)).sum();
    let mut room = usize::from(area.width).saturating_sub(kept + 1);
    bindings.retain(|binding| {
        let fits = wide(binding) <= room;
        room = room.saturating_sub(wide(binding));
        fits
    });
    bindings.extend(last_two);
    let mut line: Line = vec![(" ".into(), Tone::Plain)];
    for binding in bindings {
        line.push((binding.on[0].label(), Tone::Key));
        let foot = binding.foot.clone().unwrap_or_default();
        line.push((format!(" {foot}  "), Tone::Dim));
    }
    if scope == Scope::Input {
        line = vec![
            (" Enter".into(), Tone::Key),
            (" do it  ".into(), Tone::Dim),
            ("Tab".into(), Tone::Key),
            (" complete  ".into(), Tone::Dim),
            ("Esc".into(), Tone::Key),
            (" leave it".into(), Tone::Dim),
        ];
        if matches!(state.input, Input::Confirm(_)) {
            line.drain(2..4);
        }
    }
    pen.line(area.x, y, area.width, &line);
}

fn filter_line(state: &State, area: Rect, y: u16, pen: &mut Pen) {
    let line = vec![
        (" /".to_owned(), Tone::Key),
        (format!("{}_", state.page().filter), Tone::Accent),
        ("   Enter".into(), Tone::Key),
        (" keep  ".into(), Tone::Dim),
        ("Esc".into(), Tone::Key),
        (" clear  ".into(), Tone::Dim),
        ("!text".into(), Tone::Key),
        (" lines without it".into(), Tone::Dim),
    ];
    pen.line(area.x, y, area.width, &line);
}

fn small_header(state: &State, area: Rect, pen: &mut Pen) {
    let words = link_words(state);
    let wide = u16::try_from(width(&words)).unwrap_or(0).min(area.width);
    let room = area.width - wide;
    // The end of the way is what matters where the whole does not fit.
    let whole = crumbs(state);
    let short = crumb(state, &state.page().place);
    let crumbs = if width(&whole) < usize::from(room) { whole } else { short };
    pen.put(area.x, area.y, room.saturating_sub(1), &crumbs, Tone::Title);
    pen.put(area.x + room, area.y, wide, &words, link_tone(state));
}

fn small_footer(state: &State, area: Rect, pen: &mut Pen) {
    let y = area.bottom() - 1;
    if state.input == Input::Filter {
        filter_line(state, area, y, pen);
    } else if let Some((text, _, bad)) = &state.message {
        let tone = if *bad { Tone::Bad } else { Tone::Accent };
        pen.put(area.x, y, area.width, text, tone);
    } else {
        let line = vec![
            ("?".to_owned(), Tone::Key),
            (" help  ".into(), Tone::Dim),
            (":".into(), Tone::Key),
            (" command  ".into(), Tone::Dim),
            ("Esc".into(), Tone::Key),
            (" back  ".into(), Tone::Dim),
            ("q".into(), Tone::Key),
            (" quit".into(), Tone::Dim),
        ];
        pen.line(area.x, y, area.width, &line);
    }
}
