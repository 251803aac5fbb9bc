//! How a command waits: for so long, or until a signal says that it is enough.
//!
//! Commands that do not wait are ended by a signal as any program is. One that waits asks
//! [`Patience::interrupted`] when it begins, and from then on a signal sets a flag instead, so that
//! the command ends in its own way; a second signal ends the process at once.

use crate::base::{Clock, Millis, Timestamp, WallClock};
use crate::cli::exit::INTERRUPTED;
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// The time of a command that waits, and who may cut it short.
pub trait Patience {
    /// Milliseconds since an arbitrary start; never goes backwards.
    fn now(&self) -> Millis;
    /// What time it is.
    fn wall(&self) -> Timestamp;
    /// Waits so long, or until a signal comes.
    fn pause(&self, length: Millis);
    /// Whether a signal asked the command to end since this was first asked; before that, one ends
    /// the process.
    fn interrupted(&self) -> bool;
}

/// This machine's clock and this process's signals: SIGINT, SIGTERM, SIGHUP.
#[derive(Default)]
pub struct Process {
    clock: WallClock,
    signals: OnceLock<Arc<Signals>>,
}

/// Whether a signal came.
#[derive(Default)]
struct Signals {
    came: Mutex<bool>,
    news: Condvar,
}

impl Patience for Process {
    fn now(&self) -> Millis {
        self.clock.monotonic()
    }

    fn wall(&self) -> Timestamp {
        Clock::now(&self.clock)
    }

    fn pause(&self, length: Millis) {
        let length = Duration::from_millis(length);
        let Some(signals) = self.signals.get() else { return std::thread::sleep(length) };
        let came = signals.came.lock().unwrap_or_else(PoisonError::into_inner);
        // Where one came before, the command is ending, and waits on purpose.
        let before = *came;
        drop(signals.news.wait_timeout_while(came, length, |came| *came == before));
    }

    fn interrupted(&self) -> bool {
        let signals = self.signals.get_or_init(listen);
        *signals.came.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Begins to listen. Where that cannot be done, signals go on ending the process.
fn listen() -> Arc<Signals> {
    let signals = Arc::new(Signals::default());
    let heard = signals.clone();
    let (ready, listens) = std::sync::mpsc::channel();
    let thread = std::thread::Builder::new().name("signals".into());
    drop(thread.spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map(|runtime| runtime.block_on(note_signals(&heard, &ready)))
    }));
    // An error is a thread that has ended: nobody listens, and there is nothing to wait for.
    listens.recv().unwrap_or_default();
    signals
}

async fn note_signals(
    signals: &Signals,
    ready: &std::sync::mpsc::Sender<()>,
) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    ready.send(()).unwrap_or_default();
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
        let mut came = signals.came.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut *came, true) {
            std::process::exit(i32::from(INTERRUPTED));
        }
        signals.news.notify_all();
    }
}
