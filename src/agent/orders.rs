//! What has been ordered and what came of it, so that an order sent twice is done once.
//!
//! An order is noted before it is begun and its result beside it when it is done, both on disk.
//! A command that was begun when the agent died is not run again: its result is that nobody
//! knows. What can be done twice without harm (a ping, a file) is simply done again.

use super::state::{State, number_name, numbers, read, replace};
use crate::base::OrderId;
use crate::base::limit::{AGENT_ORDERS_KEPT_MAX, AGENT_ORDERS_OPEN_MAX};
use crate::model::{OrderBody, Ran};
use crate::wire::agent::OrderMessage;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::{fs, io};

/// What came of an order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Why it could not be done; `None` when it was.
    pub error: Option<String>,
    /// The command's exit code, 0 where none was run.
    pub exit_code: i32,
    /// Its output, cut.
    pub output: String,
    /// How a command ended and what it printed, where that was asked for apart.
    #[serde(default)]
    pub ran: Option<Ran>,
}

/// What is said of a command that was cancelled before it began.
pub const NOT_BEGUN: &str = "cancelled before it began";

impl From<(i32, Ran)> for Outcome {
    fn from((exit_code, ran): (i32, Ran)) -> Outcome {
        Outcome { exit_code, ran: Some(ran), ..Outcome::default() }
    }
}

impl Outcome {
    /// Done, with something to say.
    pub fn done(output: impl Into<String>) -> Outcome {
        Outcome { output: output.into(), ..Outcome::default() }
    }

    /// Could not be done.
    pub fn failed(error: impl Into<String>) -> Outcome {
        Outcome { error: Some(error.into()), ..Outcome::default() }
    }
}

/// What to do about an order that arrived.
#[derive(Debug, PartialEq)]
pub enum Advice {
    /// Do it.
    Do,
    /// It was done: say so again.
    Answer(Outcome),
    /// It is under way.
    UnderWay,
    /// It comes from a node that is no longer the active one.
    Stale {
        /// The highest epoch seen.
        epoch: u64,
    },
    /// Too many are under way; it is not acknowledged and comes again.
    Full,
}

/// What a cancel found of the order it is about.
#[derive(Debug, PartialEq)]
pub enum Cancelled {
    /// It is under way in this process.
    UnderWay,
    /// It is done, or will not be begun from now on; what came of it.
    Over(Outcome),
}

/// One order's file.
#[derive(Serialize, Deserialize)]
struct Note {
    /// `None` while it is under way.
    outcome: Option<Outcome>,
}

/// What is said of a command whose end nobody saw.
const CUT_OFF: &str = "the agent stopped while it was running; it is not run a second time";

/// The memory of orders.
pub struct Orders {
    dir: PathBuf,
    epoch_file: PathBuf,
    epoch: u64,
    /// On disk, by number.
    known: BTreeSet<u64>,
    /// Begun in this process.
    under_way: BTreeSet<u64>,
    /// Results the disk did not take.
    unwritten: BTreeMap<u64, Outcome>,
}

impl Orders {
    /// What is remembered.
    pub fn open(state: &State) -> io::Result<Orders> {
        let dir = state.room("orders")?;
        let epoch = state.text("epoch")?.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        Ok(Orders {
            epoch_file: dir.with_file_name("epoch"),
            epoch,
            known: numbers(&dir)?.into_iter().collect(),
            dir,
            under_way: BTreeSet::new(),
            unwritten: BTreeMap::new(),
        })
    }

    /// The highest epoch seen.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// What to do about an order; one that is to be done counts as under way from here on.
    pub fn arrive(&mut self, message: &OrderMessage) -> io::Result<Advice> {
        let id = message.order.0;
        if message.epoch < self.epoch {
            return Ok(Advice::Stale { epoch: self.epoch });
        }
        if message.epoch > self.epoch {
            replace(&self.epoch_file, message.epoch.to_string().as_bytes())?;
            self.epoch = message.epoch;
        }
        if self.under_way.contains(&id) {
            return Ok(Advice::UnderWay);
        }
        if let Some(outcome) = self.unwritten.get(&id) {
            return Ok(Advice::Answer(outcome.clone()));
        }
        if let Some(advice) = self.recall(id, &message.body)? {
            return Ok(advice);
        }
        if self.under_way.len() >= AGENT_ORDERS_OPEN_MAX {
            return Ok(Advice::Full);
        }
        self.write(id, &Note { outcome: None })?;
        self.under_way.insert(id);
        Ok(Advice::Do)
    }

    fn recall(&mut self, id: u64, body: &OrderBody) -> io::Result<Option<Advice>> {
        if !self.known.contains(&id) {
            return Ok(None);
        }
        let bytes = read(&self.path(id))?.unwrap_or_default();
        let Ok(note) = serde_json::from_slice::<Note>(&bytes) else {
            return Ok(None);
        };
        let once_only = match body {
            OrderBody::Run { .. } | OrderBody::Reboot => true,
            OrderBody::Ping
            | OrderBody::WriteFile { .. }
            | OrderBody::Workload { .. }
            | OrderBody::Cancel { .. }
            | OrderBody::Stop
            | OrderBody::Leave { .. }
            | OrderBody::Stay
            | OrderBody::Addresses { .. } => false,
        };
        match note.outcome {
            Some(outcome) => Ok(Some(Advice::Answer(outcome))),
            None if once_only => {
                let outcome = match body {
                    OrderBody::Reboot => Outcome::done("the system restarted"),
                    _ => Outcome::failed(CUT_OFF),
                };
                self.finish(OrderId(id), &outcome);
                Ok(Some(Advice::Answer(outcome)))
            }
            None => Ok(None),
        }
    }

    /// Sees to it that a command is not begun any more: one that is not known is over from here on.
    pub fn cancel(&mut self, order: OrderId) -> io::Result<Cancelled> {
        let id = order.0;
        if self.under_way.contains(&id) {
            return Ok(Cancelled::UnderWay);
        }
        if let Some(outcome) = self.unwritten.get(&id) {
            return Ok(Cancelled::Over(outcome.clone()));
        }
        let known = self.known.contains(&id);
        let bytes = if known { read(&self.path(id))? } else { None };
        let note = serde_json::from_slice::<Note>(&bytes.unwrap_or_default()).ok();
        if let Some(outcome) = note.and_then(|note| note.outcome) {
            return Ok(Cancelled::Over(outcome));
        }
        let outcome = Outcome::failed(if known { CUT_OFF } else { NOT_BEGUN });
        self.write(id, &Note { outcome: Some(outcome.clone()) })?;
        Ok(Cancelled::Over(outcome))
    }

    /// Whether nothing is under way.
    pub fn is_idle(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Remembers what came of an order.
    pub fn finish(&mut self, order: OrderId, outcome: &Outcome) {
        self.under_way.remove(&order.0);
        if let Err(error) = self.write(order.0, &Note { outcome: Some(outcome.clone()) }) {
            tracing::warn!(%order, %error, "a result stays in memory: the disk does not take it");
            self.unwritten.insert(order.0, outcome.clone());
            while self.unwritten.len() > AGENT_ORDERS_OPEN_MAX {
                self.unwritten.pop_first();
            }
        }
    }

    fn write(&mut self, id: u64, note: &Note) -> io::Result<()> {
        let bytes = serde_json::to_vec(note).map_err(io::Error::other)?;
        replace(&self.path(id), &bytes)?;
        self.known.insert(id);
        while self.known.len() > AGENT_ORDERS_KEPT_MAX {
            // Numbers grow with time, so the lowest is the oldest.
            let Some(oldest) = self.known.pop_first() else { break };
            fs::remove_file(self.path(oldest))?;
        }
        Ok(())
    }

    fn path(&self, id: u64) -> PathBuf {
        self.dir.join(number_name(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::tests::scratch;
    use crate::base::{ServerId, Timestamp};

    fn order(id: u64, epoch: u64, body: OrderBody) -> OrderMessage {
        OrderMessage {
            v: 1,
            epoch,
            order: OrderId(id),
            deadline: Timestamp(0),
            body,
            workload: None,
        }
    }

    fn run() -> OrderBody {
        OrderBody::Run { command: vec!["true".into()], timeout_ms: 1, apart: true }
    }

    #[test]
    fn an_order_is_done_once_and_answered_ever_after() {
        let state = State::open(&scratch("orders"), ServerId(1), "aa").unwrap();
        let mut orders = Orders::open(&state).unwrap();
        assert_eq!(orders.arrive(&order(1, 1, run())).unwrap(), Advice::Do);
        assert_eq!(orders.arrive(&order(1, 1, run())).unwrap(), Advice::UnderWay);
        let outcome = Outcome { exit_code: 3, output: "x".into(), ..Outcome::default() };
        orders.finish(OrderId(1), &outcome);
        assert_eq!(orders.arrive(&order(1, 1, run())).unwrap(), Advice::Answer(outcome.clone()));
        let mut orders = Orders::open(&state).unwrap();
        assert_eq!(orders.arrive(&order(1, 1, run())).unwrap(), Advice::Answer(outcome));
    }

    #[test]
    fn a_death_between_begin_and_end_never_runs_a_command_again() {
        let check = |body: OrderBody, again: bool| {
            let state = State::open(&scratch("begun"), ServerId(1), "aa").unwrap();
            let first = Orders::open(&state).unwrap().arrive(&order(1, 1, body.clone())).unwrap();
            assert_eq!(first, Advice::Do);
            let second = Orders::open(&state).unwrap().arrive(&order(1, 1, body)).unwrap();
            assert_eq!(second == Advice::Do, again, "{second:?}");
        };
        check(run(), false);
        check(OrderBody::Reboot, false);
        check(OrderBody::Ping, true);
        check(OrderBody::Stop, true);
    }

    #[test]
    fn a_lower_epoch_is_not_obeyed_even_after_a_restart() {
        let state = State::open(&scratch("epoch"), ServerId(1), "aa").unwrap();
        let mut orders = Orders::open(&state).unwrap();
        assert_eq!(orders.arrive(&order(1, 5, OrderBody::Ping)).unwrap(), Advice::Do);
        let stale = Advice::Stale { epoch: 5 };
        assert_eq!(orders.arrive(&order(2, 4, OrderBody::Ping)).unwrap(), stale);
        let mut orders = Orders::open(&state).unwrap();
        assert_eq!(orders.epoch(), 5);
        assert_eq!(orders.arrive(&order(2, 4, OrderBody::Ping)).unwrap(), stale);
    }

    #[test]
    fn an_epoch_counts_from_the_first_order_that_has_it() {
        let dir = scratch("epochs");
        let state = State::open(&dir, ServerId(1), "aa").unwrap();
        let mut orders = Orders::open(&state).unwrap();
        assert_eq!(orders.epoch(), 0);
        assert_eq!(orders.arrive(&order(1, 0, OrderBody::Ping)).unwrap(), Advice::Do);
        assert!(!dir.join("epoch").exists(), "nothing is new about it");
        assert_eq!(orders.arrive(&order(2, 3, OrderBody::Ping)).unwrap(), Advice::Do);
        fs::remove_file(dir.join("epoch")).unwrap();
        assert_eq!(orders.arrive(&order(3, 3, OrderBody::Ping)).unwrap(), Advice::Do);
        assert!(!dir.join("epoch").exists(), "it is written once");
        assert_eq!(orders.arrive(&order(4, 4, OrderBody::Ping)).unwrap(), Advice::Do);
        assert_eq!(fs::read_to_string(dir.join("epoch")).unwrap(), "4");
    }

    #[test]
    fn what_the_disk_does_not_take_is_answered_from_memory() {
        let dir = scratch("no-disk");
        let state = State::open(&dir, ServerId(1), "aa").unwrap();
        let mut orders = Orders::open(&state).unwrap();
        let open = AGENT_ORDERS_OPEN_MAX as u64;
        fs::remove_dir_all(dir.join("orders")).unwrap();
        let outcome = |id: u64| Outcome::done(id.to_string());
        assert!(orders.arrive(&order(1, 1, run())).is_err(), "it is not begun unnoted");
        assert!(orders.is_idle());
        (1..=open + 1).for_each(|id| orders.finish(OrderId(id), &outcome(id)));
        assert_eq!(orders.unwritten.len(), AGENT_ORDERS_OPEN_MAX);
        for id in [2, open + 1] {
            let advice = orders.arrive(&order(id, 1, run())).unwrap();
            assert_eq!(advice, Advice::Answer(outcome(id)));
        }
        fs::create_dir(dir.join("orders")).unwrap();
        assert_eq!(orders.arrive(&order(1, 1, run())).unwrap(), Advice::Do, "the oldest went");
    }

    #[test]
    fn one_that_was_cut_off_is_told_apart() {
        let check = |body: OrderBody, expected: Outcome| {
            let state = State::open(&scratch("cut-off"), ServerId(1), "aa").unwrap();
            Orders::open(&state).unwrap().arrive(&order(1, 1, body.clone())).unwrap();
            let mut orders = Orders::open(&state).unwrap();
            let advice = orders.arrive(&order(1, 1, body.clone())).unwrap();
            assert_eq!(advice, Advice::Answer(expected.clone()));
            // That is what came of it, from then on.
            let again = Orders::open(&state).unwrap().arrive(&order(1, 1, body)).unwrap();
            assert_eq!(again, Advice::Answer(expected));
        };
        check(OrderBody::Reboot, Outcome::done("the system restarted"));
        let why = "the agent stopped while it was running; it is not run a second time";
        check(run(), Outcome::failed(why));
    }

    #[test]
    fn what_is_cancelled_is_not_begun_from_then_on() {
        let state = State::open(&scratch("cancel"), ServerId(1), "aa").unwrap();
        let mut orders = Orders::open(&state).unwrap();
        let (over, failed) = (Cancelled::Over, Outcome::failed);
        // It is not known yet.
        assert_eq!(orders.cancel(OrderId(1)).unwrap(), over(failed(NOT_BEGUN)));
        let advice = orders.arrive(&order(1, 1, run())).unwrap();
        assert_eq!(advice, Advice::Answer(failed(NOT_BEGUN)));
        // Under way, and done.
        assert_eq!(orders.arrive(&order(2, 1, run())).unwrap(), Advice::Do);
        assert_eq!(orders.cancel(OrderId(2)).unwrap(), Cancelled::UnderWay);
        orders.finish(OrderId(2), &Outcome::done("x"));
        assert_eq!(orders.cancel(OrderId(2)).unwrap(), over(Outcome::done("x")));
        // Begun by an agent that died.
        assert_eq!(orders.arrive(&order(3, 1, run())).unwrap(), Advice::Do);
        let mut orders = Orders::open(&state).unwrap();
        assert_eq!(orders.cancel(OrderId(3)).unwrap(), over(failed(CUT_OFF)));
        assert_eq!(orders.cancel(OrderId(1)).unwrap(), over(failed(NOT_BEGUN)), "still");
    }

    #[test]
    fn memory_and_work_are_bounded() {
        let dir = scratch("many");
        let state = State::open(&dir, ServerId(1), "aa").unwrap();
        let mut orders = Orders::open(&state).unwrap();
        for id in 1..=AGENT_ORDERS_OPEN_MAX as u64 {
            assert_eq!(orders.arrive(&order(id, 1, OrderBody::Ping)).unwrap(), Advice::Do);
        }
        assert_eq!(orders.arrive(&order(1000, 1, OrderBody::Ping)).unwrap(), Advice::Full);
        assert_eq!(orders.arrive(&order(1, 1, OrderBody::Ping)).unwrap(), Advice::UnderWay);
        assert!(!orders.is_idle());
        for id in 1..=AGENT_ORDERS_KEPT_MAX as u64 + 20 {
            orders.finish(OrderId(id), &Outcome::default());
        }
        let files = numbers(&dir.join("orders")).unwrap();
        assert_eq!((files.len(), files[0]), (AGENT_ORDERS_KEPT_MAX, 21));
    }
}
