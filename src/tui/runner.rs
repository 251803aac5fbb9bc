//! The only part with IO: waits, updates, draws, and hands what blocks to workers.
//!
//! [`run`] is the local terminal; [`session`] is the same over any writer and any stream of
//! [`Inbound`], so that a channel of an SSH connection can be another. Neither asks the terminal
//! anything, so no answer of it can be mistaken for a key.

mod paint;
mod plain;
mod terminal;
mod worker;

use super::effect::Effect;
use super::event::Event;
use super::source::Source;
use super::state::{Link, State};
use super::theme::{Signs, Theme};
use super::update::{open, update};
use super::view;
pub use worker::ask;

use paint::{ENTER, LEAVE, Painter, osc_52};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError};
use std::time::{Duration, Instant};

/// Events that wait for the screen; a paste of a page is below it, and a sender then waits.
pub const INBOX_MAX: usize = 1024;
/// Events taken before a frame: more keys than anybody types within one.
const EVENTS_PER_FRAME: usize = 256;
/// Largest screen drawn: a client may claim 65,535 columns, and cells cost memory.
const SCREEN_MAX: (u16, u16) = (500, 300);

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// Unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Even then.
    Always,
    /// Never.
    Never,
}

/// How a session starts.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// When to use colour.
    pub color: Color,
    /// Signs of ASCII only; `None` asks the locale and `TERM`.
    pub ascii: Option<bool>,
    /// A command to begin with, as `farm shop`.
    pub start: Option<String>,
    /// Hide and refuse what changes anything. Rights are the appliance's business all the same.
    pub read_only: bool,
    /// Linear: no screen, one line per change. `TERM=dumb` selects it too.
    pub plain: bool,
    /// Printed after the screen is left, as what the demo cleaned up.
    pub farewell: Option<String>,
}

impl Options {
    fn colored(&self) -> bool {
        match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => !std::env::var("NO_COLOR").is_ok_and(|value| !value.is_empty()),
        }
    }

    fn signs(&self) -> Signs {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let ascii = self.ascii.unwrap_or_else(|| {
            let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable);
            needs_ascii(&locale.unwrap_or_default(), &variable("TERM").unwrap_or_default())
        });
        if ascii { Signs::ASCII } else { Signs::UNICODE }
    }

    fn state(&self, size: (u16, u16)) -> State {
        State::new(size, self.signs(), Theme::shipped(self.colored()), self.read_only)
    }
}

/// Whether a terminal cannot be trusted with more than ASCII.
fn needs_ascii(locale: &str, term: &str) -> bool {
    let locale = locale.to_lowercase();
    let utf_8 = locale.contains("utf-8") || locale.contains("utf8");
    !utf_8 || term == "linux" || term.starts_with("vt")
}

/// What comes into a session.
#[derive(Debug)]
pub enum Inbound {
    /// Something happened.
    Event(Event),
    /// The terminal is gone or the process shall end.
    Hangup,
    /// The person wants the shell for a while.
    Suspend,
    /// The process was stopped and goes on: whatever the terminal shows is another's.
    Continue,
}

/// What only the process's own terminal can do for a session.
pub trait Job {
    /// Gives the terminal back, stops this process, and takes the terminal again when it goes on.
    fn suspend(&self) -> io::Result<()>;
    /// Takes the terminal again after somebody else stopped this process.
    fn retake(&self) -> io::Result<()>;
}

/// A terminal that no shell waits behind, as a channel of a connection.
pub struct NoJob;

impl Job for NoJob {
    fn suspend(&self) -> io::Result<()> {
        Ok(())
    }

    fn retake(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs a session on the process's own terminal until the person quits.
pub fn run(source: Arc<dyn Source>, options: Options) -> io::Result<()> {
    let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
    let done = if options.plain || dumb {
        plain::run(source, &options)
    } else if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        let text = "there is none; TERM=dumb gives plain text that needs no terminal";
        return Err(io::Error::other(text));
    } else {
        terminal::run(source, &options)
    };
    if let (Ok(()), Some(farewell)) = (&done, &options.farewell) {
        writeln!(io::stdout(), "{farewell}")?;
    }
    done
}

/// Runs a session that writes to `out` and is told everything through `inbox`. `sender` is the
/// other end of `inbox`, for the workers. Restores the terminal on every orderly way out.
pub fn session<W: Write>(
    out: &mut W,
    size: (u16, u16),
    inbox: &Receiver<Inbound>,
    sender: &SyncSender<Inbound>,
    source: Arc<dyn Source>,
    job: &dyn Job,
    options: &Options,
) -> io::Result<()> {
    let mut session = Session {
        out,
        job,
        state: options.state(clamp(size)),
        painter: Painter::default(),
        desk: worker::start(source, sender),
        begun: Instant::now(),
        start: options.start.clone(),
    };
    session.out.write_all(ENTER)?;
    let done = session.live(inbox);
    session.desk.stop();
    session.out.write_all(LEAVE)?;
    session.out.flush()?;
    done
}

fn clamp((columns, rows): (u16, u16)) -> (u16, u16) {
    (columns.min(SCREEN_MAX.0), rows.min(SCREEN_MAX.1))
}

struct Session<'a, W: Write> {
    out: &'a mut W,
    job: &'a dyn Job,
    state: State,
    painter: Painter,
    desk: worker::Worker,
    begun: Instant,
    start: Option<String>,
}

impl<W: Write> Session<'_, W> {
    fn live(&mut self, inbox: &Receiver<Inbound>) -> io::Result<()> {
        let mut drawn = None;
        loop {
            let mut effects = self.tick();
            let mut changed = !effects.is_empty();
            for _ in 0..EVENTS_PER_FRAME {
                match inbox.try_recv() {
                    Ok(Inbound::Event(event)) => {
                        changed = true;
                        effects.extend(self.apply(event));
                    }
                    Ok(Inbound::Hangup) | Err(TryRecvError::Disconnected) => return Ok(()),
                    Ok(Inbound::Suspend) => changed |= self.suspend()?,
                    Ok(Inbound::Continue) => changed |= self.retake()?,
                    Err(TryRecvError::Empty) => break,
                }
            }
            if self.carry_out(effects)? {
                return Ok(());
            }
            // Ages move in steps of ten seconds: between them time alone changes no cell.
            let moment = (self.state.tick / 10_000, self.state.message.is_some());
            if changed || drawn != Some(moment) {
                drawn = Some(moment);
                self.draw()?;
            }
            match inbox.recv_timeout(Duration::from_millis(self.state.sleep_at_most())) {
                Ok(Inbound::Event(event)) => {
                    drawn = None;
                    let mut effects = self.tick();
                    effects.extend(self.apply(event));
                    if self.carry_out(effects)? {
                        return Ok(());
                    }
                }
                Ok(Inbound::Hangup) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Ok(Inbound::Suspend) => {
                    self.suspend()?;
                    drawn = None;
                }
                Ok(Inbound::Continue) => {
                    self.retake()?;
                    drawn = None;
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Leaves the screen to the shell until the process goes on.
    fn suspend(&mut self) -> io::Result<bool> {
        self.out.write_all(LEAVE)?;
        self.out.flush()?;
        self.job.suspend()?;
        self.enter()
    }

    fn retake(&mut self) -> io::Result<bool> {
        self.job.retake()?;
        self.enter()
    }

    /// Begins the screen anew; what it showed is not there any more. True: there is to draw.
    fn enter(&mut self) -> io::Result<bool> {
        self.out.write_all(ENTER)?;
        self.painter = Painter::default();
        Ok(true)
    }

    fn tick(&mut self) -> Vec<Effect> {
        let elapsed = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        update(&mut self.state, Event::Tick(elapsed))
    }

    fn apply(&mut self, event: Event) -> Vec<Effect> {
        let event = match event {
            Event::Resize(columns, rows) => {
                let (columns, rows) = clamp((columns, rows));
                Event::Resize(columns, rows)
            }
            event => event,
        };
        let mut effects = update(&mut self.state, event);
        // The page to begin with names a farm, so it waits until farms are known.
        if self.state.data.farms.is_some()
            && let Some(line) = self.start.take()
        {
            effects.extend(open(&mut self.state, &line));
        }
        effects
    }

    /// Carries effects out and says whether to quit.
    fn carry_out(&mut self, effects: Vec<Effect>) -> io::Result<bool> {
        for effect in effects {
            match effect {
                Effect::Fetch(wants) => self.desk.fetch(wants),
                Effect::Act(action) => self.desk.act(action),
                Effect::Copy(text) => {
                    self.out.write_all(osc_52(&text).as_bytes())?;
                    self.out.flush()?;
                }
                Effect::Plain(text) => {
                    self.out.write_all(LEAVE)?;
                    // Raw mode: a new line alone does not go back to the first column.
                    self.out.write_all(text.replace('\n', "\r\n").as_bytes())?;
                    self.out.write_all(b"\r\n(any key goes back)\r\n")?;
                    self.out.flush()?;
                }
                Effect::Repaint => {
                    self.out.write_all(ENTER)?;
                    self.painter = Painter::default();
                }
                Effect::Quit => return Ok(true),
            }
        }
        Ok(false)
    }

    fn draw(&mut self) -> io::Result<()> {
        if self.state.away {
            return Ok(());
        }
        let area = Rect::new(0, 0, self.state.size.0, self.state.size.1);
        let mut next = Buffer::empty(area);
        view::draw(&self.state, area, &mut next);
        let bytes = self.painter.paint(next)?;
        if bytes.is_empty() {
            return Ok(());
        }
        self.out.write_all(&bytes)?;
        self.out.flush()
    }
}

/// One line on whether the appliance answers, for plain mode.
fn link_line(link: &Link) -> Option<String> {
    match link {
        Link::Lost { why, .. } => Some(format!("No answer from the appliance: {why}")),
        Link::Opening | Link::Up => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_that_need_ascii() {
        let check = |locale, term, ascii| assert_eq!(needs_ascii(locale, term), ascii);
        check("en_US.UTF-8", "xterm-256color", false);
        check("C.utf8", "screen", false);
        check("C", "xterm", true);
        check("", "xterm", true);
        check("en_US.UTF-8", "linux", true);
        check("en_US.UTF-8", "vt220", true);
    }
}
