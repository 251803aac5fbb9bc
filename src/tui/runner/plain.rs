//! Linear mode: no screen, no keys. What happens is one line each; a command typed as a line is
//! answered with the page as text. For screen readers, `TERM=dumb`, and pipes.

use super::worker::ask;
use super::{INBOX_MAX, Inbound, Options, link_line, worker};
use crate::base::text::escape;
use crate::tui::effect::Effect;
use crate::tui::event::{Answer, Event};
use crate::tui::source::Source;
use crate::tui::state::{Input, Place, State};
use crate::tui::text::moment;
use crate::tui::update::{open, update};
use crate::tui::view;
use crate::wire::api::EventView;
use crate::wire::input::is_under;
use std::io::{self, BufRead, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// A line typed, or the end of them, or something that happened.
enum Heard {
    Line(String),
    End,
    Inbound(Inbound),
}

/// Runs on the process's own input and output until `quit` or the end of the input.
pub fn run(source: Arc<dyn Source>, options: &Options) -> io::Result<()> {
    let (sender, heard) = sync_channel(INBOX_MAX);
    let typed = sender.clone();
    thread::spawn(move || read_lines(&typed));
    let (news, from_news) = sync_channel(INBOX_MAX);
    let desk = worker::follow(source.clone(), &news);
    thread::spawn(move || forward(&from_news, &sender));
    let done = linear(source.as_ref(), options, &heard, &mut io::stdout());
    desk.stop();
    done
}

fn read_lines(sender: &SyncSender<Heard>) {
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        if sender.send(Heard::Line(line)).is_err() {
            return;
        }
    }
    // The session may be over; then there is nobody to tell.
    drop(sender.send(Heard::End));
}

fn forward(from: &Receiver<Inbound>, to: &SyncSender<Heard>) {
    while let Ok(inbound) = from.recv() {
        if to.send(Heard::Inbound(inbound)).is_err() {
            return;
        }
    }
}

fn linear(
    source: &dyn Source,
    options: &Options,
    heard: &Receiver<Heard>,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut state = options.state((100, 40));
    fetch(source, &mut state);
    if let Some(line) = &options.start {
        let effects = open(&mut state, line);
        carry_out(source, &mut state, effects);
    }
    write_page(&mut state, out)?;
    let by_name = "farm NAME, rollout FARM/ROLE, server NAME, why NAME";
    writeln!(out, "Commands: farms, {by_name}, events, status, quit.")?;
    while let Ok(heard) = heard.recv() {
        match heard {
            Heard::End | Heard::Inbound(Inbound::Hangup) => break,
            // Lines need no screen: a shell stops this process and lets it go on by itself.
            Heard::Inbound(Inbound::Suspend | Inbound::Continue) => {}
            Heard::Line(line) => {
                if !answer(source, &mut state, &line, out)? {
                    break;
                }
            }
            Heard::Inbound(Inbound::Event(event)) => tell(&mut state, event, out)?,
        }
        out.flush()?;
    }
    Ok(())
}

/// Answers a typed line; false when it was `quit`.
fn answer(
    source: &dyn Source,
    state: &mut State,
    line: &str,
    out: &mut impl Write,
) -> io::Result<bool> {
    let line = line.trim().trim_start_matches(':');
    if let Input::Confirm(confirm) = std::mem::replace(&mut state.input, Input::None) {
        if line == confirm.answer {
            let effects = vec![Effect::Act(confirm.action)];
            carry_out(source, state, effects);
        } else {
            writeln!(out, "Nothing was done")?;
        }
    } else if !line.is_empty() {
        let effects = open(state, line);
        if !carry_out(source, state, effects) {
            return Ok(false);
        }
    }
    if let Input::Confirm(confirm) = &state.input {
        writeln!(out, "{}", escape(&confirm.question))?;
        return Ok(true);
    }
    match state.message.take() {
        Some((message, ..)) => writeln!(out, "{}", escape(&message))?,
        None => {
            fetch(source, state);
            write_page(state, out)?;
        }
    }
    Ok(true)
}

/// Does what was asked, waiting for it: here nothing else could be shown meanwhile.
fn carry_out(source: &dyn Source, state: &mut State, effects: Vec<Effect>) -> bool {
    for effect in effects {
        match effect {
            Effect::Act(action) => {
                let acted = Answer::Acted(source.act(action));
                // What it asks to fetch is fetched before the next page is written.
                drop(update(state, Event::Answer(acted)));
            }
            Effect::Quit => return false,
            Effect::Fetch(_) => fetch(source, state),
            Effect::Copy(_) | Effect::Plain(_) | Effect::Repaint => {}
        }
    }
    true
}

fn fetch(source: &dyn Source, state: &mut State) {
    for want in state.wants() {
        // A fetch it may ask for is this one.
        drop(update(state, Event::Answer(ask(source, want))));
    }
}

fn write_page(state: &mut State, out: &mut impl Write) -> io::Result<()> {
    if let Some(line) = link_line(&state.link) {
        writeln!(out, "{}", escape(&line))?;
    }
    writeln!(out, "{}", view::plain_text(state))?;
    out.flush()
}

/// Says what happened, a line each. The past, which comes first, is on the events page.
fn tell(state: &mut State, event: Event, out: &mut impl Write) -> io::Result<()> {
    let before = link_line(&state.link);
    let fresh: Vec<EventView> = match &event {
        Event::News(Ok(events)) if state.data.events_read => {
            // After a pause the end of the journal comes once more.
            let known = state.data.events.back().map_or(0, |event| event.seq);
            events.iter().filter(|event| event.seq > known).cloned().collect()
        }
        _ => Vec::new(),
    };
    // Pages are fetched when they are asked for.
    drop(update(state, event));
    let after = link_line(&state.link);
    if before != after {
        let line = after.unwrap_or_else(|| "The appliance answers again".into());
        writeln!(out, "{}", escape(&line))?;
    }
    let about = match &state.page().place {
        Place::Events(about) => about.clone(),
        _ => String::new(),
    };
    for event in fresh.iter().filter(|event| about.is_empty() || is_under(&event.about, &about)) {
        let when = moment(state.now(), event.at);
        writeln!(out, "{when} {} {}", escape(&event.about), escape(&event.text))?;
    }
    Ok(())
}
