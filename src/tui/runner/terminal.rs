//! The process's own terminal: raw mode, its keys, its size, signals, and leaving it as it was.

use super::paint::LEAVE;
use super::{Color, INBOX_MAX, Inbound, Job, Options, session};
use crate::tui::event::{Event, Key};
use crate::tui::source::Source;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpgid, getppid, getsid};
use ratatui::crossterm::event::{
    self as keys, Event as Raw, KeyCode, KeyEvent, KeyEventKind, KeyModifiers,
};
use ratatui::crossterm::style::force_color_output;
use ratatui::crossterm::terminal;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How often the key reader looks whether it shall end.
const LOOK: Duration = Duration::from_millis(200);

/// Puts the terminal back, however the session ends.
struct Restore;

impl Drop for Restore {
    fn drop(&mut self) {
        restore();
    }
}

/// Best effort by nature: a terminal that is gone cannot be told anything.
fn restore() {
    let mut out = io::stdout();
    let told = out.write_all(LEAVE).and_then(|()| out.flush());
    let cooked = terminal::disable_raw_mode();
    if let Err(fault) = told.and(cooked) {
        tracing::debug!(%fault, "the terminal could not be put back");
    }
}

/// The shell that started us, and waits.
struct Shell;

impl Job for Shell {
    fn suspend(&self) -> io::Result<()> {
        terminal::disable_raw_mode()?;
        // Without a shell that could let us go on, stopping would be for ever.
        if shell_waits() {
            kill(Pid::from_raw(0), Signal::SIGSTOP)?;
        }
        terminal::enable_raw_mode()
    }

    fn retake(&self) -> io::Result<()> {
        // What the shell left is the terminal's state to go back to, and no longer ours.
        terminal::disable_raw_mode()?;
        terminal::enable_raw_mode()
    }
}

/// Whether our parent is of this session and of another job, as a shell with job control is.
fn shell_waits() -> bool {
    let parent = getppid();
    let same_session = getsid(Some(parent)).ok() == getsid(None).ok();
    same_session && getpgid(Some(parent)).ok() != getpgid(None).ok()
}

/// Runs a session here until the person quits.
pub fn run(source: Arc<dyn Source>, options: &Options) -> io::Result<()> {
    let size = terminal::size().unwrap_or((80, 24));
    let (sender, inbox) = sync_channel(INBOX_MAX);
    let ended = Arc::new(AtomicBool::new(false));
    if options.color == Color::Always {
        // crossterm looks at NO_COLOR by itself and would win over what was asked for.
        force_color_output(true);
    }
    let before: Arc<dyn Fn(&std::panic::PanicHookInfo<'_>) + Send + Sync> =
        Arc::from(std::panic::take_hook());
    let then = before.clone();
    let here = thread::current().id();
    std::panic::set_hook(Box::new(move |info| {
        // A worker's panic must not tear the screen from under the session.
        if thread::current().id() == here {
            restore();
        }
        then(info);
    }));
    terminal::enable_raw_mode()?;
    let done = {
        let _restore = Restore;
        listen_for_signals(sender.clone());
        read_keys(sender.clone(), ended.clone());
        // One frame is one write: a link with latency gets one packet and not hundreds.
        let mut out = BufWriter::with_capacity(64 * 1024, io::stdout());
        session(&mut out, size, &inbox, &sender, source, &Shell, options)
    };
    ended.store(true, Ordering::SeqCst);
    std::panic::set_hook(Box::new(move |info| before(info)));
    done
}

fn read_keys(sender: SyncSender<Inbound>, ended: Arc<AtomicBool>) {
    thread::spawn(move || {
        while !ended.load(Ordering::SeqCst) {
            let inbound = match keys::poll(LOOK) {
                Ok(false) => continue,
                Ok(true) => keys::read().map_or(Some(Inbound::Hangup), inbound),
                Err(_) => Some(Inbound::Hangup),
            };
            let hangup = matches!(inbound, Some(Inbound::Hangup));
            if let Some(inbound) = inbound
                && sender.send(inbound).is_err()
            {
                return;
            }
            if hangup {
                return;
            }
        }
    });
}

/// What ends a process ends the session in order, so that the terminal is left as it was; what
/// stops it gives the terminal back first, and takes it again when it goes on.
fn listen_for_signals(sender: SyncSender<Inbound>) {
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        let Ok(runtime) = runtime else { return };
        let heard = runtime.block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            let mut quit = signal(SignalKind::quit())?;
            let mut hangup = signal(SignalKind::hangup())?;
            let mut stop = signal(SignalKind::from_raw(Signal::SIGTSTP as i32))?;
            let mut go_on = signal(SignalKind::from_raw(Signal::SIGCONT as i32))?;
            loop {
                let inbound = tokio::select! {
                    _ = terminate.recv() => Inbound::Hangup,
                    _ = interrupt.recv() => Inbound::Hangup,
                    _ = quit.recv() => Inbound::Hangup,
                    _ = hangup.recv() => Inbound::Hangup,
                    _ = stop.recv() => Inbound::Suspend,
                    _ = go_on.recv() => Inbound::Continue,
                };
                // The session may be over; then there is nobody to tell.
                if sender.send(inbound).is_err() {
                    return io::Result::Ok(());
                }
            }
        });
        if let Err(fault) = heard {
            tracing::warn!(%fault, "signals will end the session unannounced");
        }
    });
}

fn inbound(raw: Raw) -> Option<Inbound> {
    match raw {
        Raw::Key(key) if self::key(key) == Some(Key::Ctrl('z')) => Some(Inbound::Suspend),
        Raw::Key(key) => self::key(key).map(|key| Inbound::Event(Event::Key(key))),
        Raw::Resize(columns, rows) => Some(Inbound::Event(Event::Resize(columns, rows))),
        Raw::Paste(text) => Some(Inbound::Event(Event::Paste(text))),
        Raw::FocusGained | Raw::FocusLost | Raw::Mouse(_) => None,
    }
}

/// What a key of the terminal library is to us; with Alt it is nothing.
fn key(raw: KeyEvent) -> Option<Key> {
    if raw.kind == KeyEventKind::Release || raw.modifiers.contains(KeyModifiers::ALT) {
        return None;
    }
    let ctrl = raw.modifiers.contains(KeyModifiers::CONTROL);
    Some(match raw.code {
        KeyCode::Char('h') if ctrl => Key::Backspace,
        KeyCode::Char(c) if ctrl => Key::Ctrl(c.to_ascii_lowercase()),
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Esc,
        KeyCode::Tab => Key::Tab,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        _ => return None,
    })
}
