//! From state to cells. Reads and never changes; draws at any size, down to none.

mod catalogue;
mod events;
mod explain;
mod farm;
mod farms;
mod frame;
mod help;
mod log;
mod pen;
mod popup;
mod role;
pub(super) mod server;
mod servers;
mod status;
mod table;

pub use pen::{Line, Pen};

use super::state::{Input, Link, Place, State};
use super::theme::Tone;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Below this many columns or rows a page is its list and little else.
pub const ROOMY: (u16, u16) = (60, 15);
/// Lines of a list that the plain text has: more than anybody copies by hand.
const PLAIN_ROWS_MAX: usize = 500;

/// Draws the whole screen.
pub fn view(state: &State, frame: &mut Frame) {
    let area = frame.area();
    draw(state, area, frame.buffer_mut());
}

/// Draws the whole screen into a part of a buffer.
pub fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let area = area.intersection(buffer.area);
    if area.is_empty() {
        return;
    }
    let mut pen = Pen::new(buffer, state);
    let body = frame::draw(state, area, &mut pen);
    page(state, body, &mut pen);
    if matches!(state.input, Input::Palette { .. } | Input::Confirm(_)) {
        popup::draw(state, area, &mut pen);
    }
}

fn page(state: &State, body: Rect, pen: &mut Pen) {
    match &state.page().place {
        Place::Farms => farms::draw(state, body, pen),
        Place::Farm(id) => farm::draw(state, *id, body, pen),
        Place::Servers => servers::draw(state, body, pen),
        Place::Events(_) => events::draw(state, body, pen),
        Place::Catalogue(noun) => catalogue::draw(state, *noun, body, pen),
        Place::Role(..)
        | Place::Entry(..)
        | Place::Server(_)
        | Place::Why(_)
        | Place::Log(_)
        | Place::Status
        | Place::Help(_) => {
            let lines = lines(state, body.width);
            let last = lines.len().saturating_sub(usize::from(body.height));
            pen.lines(body, &lines, state.page().at.min(last));
        }
    }
}

/// The page as lines, where it is text and not a list.
fn lines(state: &State, width: u16) -> Vec<Line> {
    let width = usize::from(width);
    match &state.page().place {
        Place::Role(farm, id) => role::lines(state, *farm, *id, width),
        Place::Server(id) => server::lines(state, id, width),
        Place::Why(what) => explain::lines(state, what, width),
        Place::Log(server) => log::lines(state, server, width),
        Place::Entry(noun, name) => catalogue::lines(state, *noun, name, width),
        Place::Status => status::lines(state, width),
        Place::Help(scope) => help::lines(*scope, width),
        Place::Farms | Place::Farm(_) | Place::Servers | Place::Events(_) | Place::Catalogue(_) => {
            Vec::new()
        }
    }
}

/// How far a page of text can be scrolled.
pub fn scroll_max(state: &State) -> usize {
    let area = Rect::new(0, 0, state.size.0, state.size.1);
    let body = frame::body(state, area);
    lines(state, body.width).len().saturating_sub(usize::from(body.height))
}

/// The page as text without frames: what `p` prints and what plain mode writes.
pub fn plain_text(state: &State) -> String {
    let width = state.size.0.clamp(80, 200);
    let place = &state.page().place;
    let rows = if place.scope().is_list() {
        let roles = match place {
            Place::Farm(id) => state.data.roles.get(id).map_or(0, Vec::len),
            _ => 0,
        };
        state.rows.shown.len().min(PLAIN_ROWS_MAX) + roles * 2 + 12
    } else {
        lines(state, width).len()
    };
    let area = Rect::new(0, 0, width, u16::try_from(rows).unwrap_or(u16::MAX).max(1));
    let mut buffer = Buffer::empty(area);
    page(state, area, &mut Pen::new(&mut buffer, state));
    let head = format!("{}  {}\n\n", frame::crumbs(state), frame::link_words(state));
    head + text_of(&buffer).trim_end() + "\n"
}

/// A buffer as lines of text without trailing spaces.
pub fn text_of(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in buffer.area.top()..buffer.area.bottom() {
        let mut line = String::new();
        let mut skip = 0;
        for x in buffer.area.left()..buffer.area.right() {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let symbol = buffer[(x, y)].symbol();
            skip = super::text::width(symbol).saturating_sub(1);
            line.push_str(symbol);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// What a page says while its data is not there: loading, or lost.
fn absent(state: &State) -> Line {
    let words = match &state.link {
        Link::Lost { .. } => "Nothing was read before the appliance went away.",
        Link::Opening | Link::Up => "Reading...",
    };
    vec![(words.to_owned(), Tone::Dim)]
}
