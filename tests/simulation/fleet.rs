//! Simulated agents: one on every server that runs. They enrol, say hello, get ready, read, obey,
//! fall silent, and say everything again until it is acknowledged, sometimes twice.

use crate::calls::LetterBox;
use crate::health::Told;
use crate::sky::Sky;
use grange::base::random::Stream;
use grange::base::{Clock, ManualClock, Millis, ServerId, StepId, Timestamp};
use grange::broker::{Admission, Ingest, Later, Refusal};
use grange::model::{CloudState, OrderBody, ServiceEnd, ServicePhase, ServiceState};
use grange::pki::request_key_digest;
use grange::series::Series;
use grange::service::agents::Doorway;
use grange::wire::agent::{Message, MessageBody, OrderMessage, SAYS_SERVICES, VERSION};
use grange::wire::reading::{self, Batch};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// How often agents do anything.
pub const PERIOD: Millis = 1_000;
/// How long agents of a sickly world fall ill after a storm.
const OUTBREAK: Millis = 60_000;
/// How often they read.
const READ_EVERY: Millis = 10_000;
/// A connection that is gone without a word is noticed after this at the latest.
const NOTICED_AFTER: Millis = 30_000;

/// A request of a key nobody keeps; every simulated agent enrols with it.
const REQUEST: &str = "-----BEGIN CERTIFICATE REQUEST-----
MIHKMHICAQAwEDEOMAwGA1UEAwwFYWdlbnQwWTATBgcqhkjOPQIBBggqhkjOPQMB
BwNCAASDKJvnItHbHm89u9MZjXY6D1BAc5086HjDR19nwwNDuKRdm0J1MWFWo6uD
/IdhclA+SnNDVunRdoX+e7jXZp9koAAwCgYIKoZIzj0EAwIDSAAwRQIhALm73uCy
s2xZT6rjv3Nr6n5FhOEAPk76e+xqxqWccX6IAiAZ52v3J2O8kh0zQoja9gT+k/hZ
qbalCnBHEhaxrfB/VQ==
-----END CERTIFICATE REQUEST-----
";

/// A request of another key: somebody who got hold of a server's token.
const IMPOSTOR: &str = "-----BEGIN CERTIFICATE REQUEST-----
MIHOMHUCAQAwEzERMA8GA1UEAwwIaW1wb3N0b3IwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAR/WopyR57C6/RIFnkA9HonUebalPEqWjHpIaiYibfbQ6fErbhrkgwE
PASQSd5NOBhIV8c3qYhE1Ap+mZZlDtRCoAAwCgYIKoZIzj0EAwIDSQAwRgIhAMm1
1yHr4uzj0ohT3UnYRGvY6dRrjuQoJJFNPOfqXJ8jAiEApOK9tOyhxWcqUDjZz60v
Qd3+OthVyQbh3oGBzVRBbdc=
-----END CERTIFICATE REQUEST-----
";

/// All agents there are.
pub struct Fleet {
    clock: Arc<ManualClock>,
    luck: Stream,
    agents: BTreeMap<ServerId, Agent>,
    /// What every server reads, until it changes.
    pub load: f64,
    /// Faults to have, in percent per agent and tick.
    pub silence_percent: u64,
    cut_off_until: Millis,
    key: [u8; 32],
    other_key: [u8; 32],
    boots: u64,
    /// What the appliance was told of who is ill.
    pub told: Told,
    /// What agents say of illness is acknowledged and lost.
    pub deaf: bool,
    /// Every second illness is a long one, for laws about the ill to have something to look at.
    pub sickly: bool,
    /// Since when the storm is over: none falls ill any more, and who is recovers in its time.
    pub calm_since: Option<Millis>,
    /// What happened, by kind.
    pub counts: BTreeMap<&'static str, u64>,
    /// What must not happen.
    pub faults: Vec<String>,
}

fn digest(request: &str) -> [u8; 32] {
    request_key_digest(request).expect("the request is well formed")
}

/// What the agents reach of the appliance.
pub struct Line<'a> {
    /// The gate.
    pub doorway: &'a Doorway,
    /// Orders for them.
    pub letters: &'a LetterBox,
    /// Readings are carried out at once.
    pub series: &'a Series,
}

struct Agent {
    boot: String,
    seq: u64,
    ready_at: Millis,
    said_ready: bool,
    enrolled: bool,
    connected: bool,
    /// Gone without a word; the gate notices then.
    lost_at: Option<Millis>,
    silent_until: Millis,
    read_at: Millis,
    unsaid: VecDeque<Message>,
    restarts: u64,
    done: BTreeSet<u64>,
}

/// Later answers are there at once: everything behind them runs on this thread.
fn now<T>(mut later: Later<T>) -> Option<T> {
    match later.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}

impl Fleet {
    /// No agents yet.
    pub fn new(clock: Arc<ManualClock>, seed: u64) -> Fleet {
        Fleet {
            clock,
            luck: Stream::new(seed, "agents"),
            agents: BTreeMap::new(),
            load: 40.0,
            silence_percent: 0,
            cut_off_until: 0,
            key: digest(REQUEST),
            other_key: digest(IMPOSTOR),
            boots: 0,
            told: Told::default(),
            deaf: false,
            sickly: false,
            calm_since: None,
            counts: BTreeMap::new(),
            faults: Vec::new(),
        }
    }

    /// The appliance is away: every connection with it is gone.
    pub fn hang_up(&mut self) {
        self.told.forget_all();
        for agent in self.agents.values_mut() {
            agent.connected = false;
            agent.lost_at = None;
        }
    }

    /// None of them reaches the appliance until then.
    pub fn cut_off(&mut self, until: Millis) {
        self.cut_off_until = until;
    }

    /// Silence ends.
    pub fn speak_up(&mut self) {
        self.silence_percent = 0;
        self.cut_off_until = 0;
        for agent in self.agents.values_mut() {
            // What is ill gets well, too.
            (agent.silent_until, agent.ready_at) = (0, 0);
        }
    }

    /// Everything agents do now. Without a line the appliance is away.
    pub fn tick(&mut self, sky: &Sky, line: Option<&Line>) {
        let moment = self.clock.monotonic();
        let runs: BTreeSet<ServerId> = sky
            .real()
            .iter()
            .filter(|real| real.state == CloudState::Running)
            .map(|real| real.server)
            .collect();
        for id in line.map(|line| line.letters.cut()).unwrap_or_default() {
            self.drop_connection(id, line);
        }
        self.lose(&runs, moment, line);
        for id in runs {
            if !self.agents.contains_key(&id) {
                let agent = self.boot(moment);
                self.agents.insert(id, agent);
            }
            if self.luck.below(1000) < self.silence_percent * 10 {
                let until = moment + 5_000 + self.luck.below(120_000);
                self.agent(id).silent_until = until;
                *self.counts.entry("agent silent").or_default() += 1;
            }
            let Some(line) = line else { continue };
            if self.agent(id).silent_until.max(self.cut_off_until) > moment {
                self.agent(id).lost_at.get_or_insert(moment + NOTICED_AFTER);
                continue;
            }
            self.agent(id).lost_at = None;
            self.live(id, sky, line, moment);
        }
    }

    /// What stopped takes its agent along; the gate notices sooner or later.
    fn lose(&mut self, runs: &BTreeSet<ServerId>, moment: Millis, line: Option<&Line>) {
        let ids: Vec<ServerId> = self.agents.keys().copied().collect();
        for id in ids {
            let notice = self.luck.below(NOTICED_AFTER);
            let agent = self.agent(id);
            if !runs.contains(&id) {
                agent.lost_at.get_or_insert(moment + notice);
            }
            let gone = agent.lost_at.is_some_and(|at| at <= moment);
            if gone {
                self.drop_connection(id, line);
            }
            if !runs.contains(&id) && !self.agent(id).connected {
                // Whether it comes back or not, it comes back as another boot.
                self.agents.remove(&id);
            }
        }
    }

    fn boot(&mut self, moment: Millis) -> Agent {
        self.boots += 1;
        Agent {
            boot: format!("boot-{}", self.boots),
            seq: 0,
            ready_at: moment + self.luck.below(12_000),
            said_ready: false,
            enrolled: false,
            connected: false,
            lost_at: None,
            silent_until: 0,
            read_at: moment + self.luck.below(READ_EVERY),
            unsaid: VecDeque::new(),
            restarts: 0,
            done: BTreeSet::new(),
        }
    }

    fn agent(&mut self, id: ServerId) -> &mut Agent {
        self.agents.get_mut(&id).expect("asked about agents there are")
    }

    fn drop_connection(&mut self, id: ServerId, line: Option<&Line>) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        if std::mem::take(&mut agent.connected)
            && let Some(line) = line
        {
            self.told.forget(id);
            line.doorway.disconnected(id);
        }
    }

    /// One agent that runs and is not silent.
    fn live(&mut self, id: ServerId, sky: &Sky, line: &Line, moment: Millis) {
        if !self.agent(id).connected && !self.connect(id, sky, line) {
            return;
        }
        // Most are a busy moment; some are ill for longer than their farm role has patience.
        let (often, long) = match self.calm_since {
            None if self.sickly => (4, 50),
            None => (4, 5),
            // An outbreak, which nothing interrupts.
            Some(since) if self.sickly && moment - since < OUTBREAK => (30, 100),
            Some(_) => (0, 0),
        };
        let flaps = self.luck.below(1000) < often;
        let length =
            if self.luck.chance(long) { 200_000 + self.luck.below(400_000) } else { 5_000 };
        if flaps && length > 5_000 {
            *self.counts.entry("agent ill for long").or_default() += 1;
        }
        let agent = self.agent(id);
        if flaps && agent.said_ready {
            agent.said_ready = false;
            agent.ready_at = moment + length;
            agent.restarts += 1;
            sky.fell_ill(id);
            self.say_services(id);
            self.say(id, MessageBody::Ready { ready: false, detail: "connection refused".into() });
        } else if !agent.said_ready && agent.ready_at <= moment {
            agent.said_ready = true;
            self.say(id, MessageBody::Ready { ready: true, detail: String::new() });
        }
        if self.luck.below(1000) < 3 {
            self.impersonate(id, sky, line);
        }
        for letter in line.letters.fetch(id) {
            self.obey(id, &letter);
        }
        self.deliver(id, line);
        if self.agent(id).read_at <= moment {
            self.agent(id).read_at = moment + READ_EVERY;
            self.read(id, line);
        }
    }

    /// Whoever has the token but not the key is never let in, once the agent has enrolled.
    fn impersonate(&mut self, id: ServerId, sky: &Sky, line: &Line) {
        let Some(made) = sky.launched(id) else { return };
        *self.counts.entry("impostor turned away").or_default() += 1;
        let key = self.other_key;
        let enrolled = now(line.doorway.enrol(id, made.token, IMPOSTOR.into()));
        let admitted = now(line.doorway.admit(id, key));
        if matches!(enrolled, Some(Ok(_))) || matches!(admitted, Some(Ok(()))) {
            self.faults.push(format!("admission: an impostor came in as {id}"));
        }
    }

    fn connect(&mut self, id: ServerId, sky: &Sky, line: &Line) -> bool {
        if !self.agent(id).enrolled {
            let Some(made) = sky.launched(id) else { return false };
            let answer = now(line.doorway.enrol(id, made.token, REQUEST.into()));
            match answer {
                Some(Ok(_)) => self.agent(id).enrolled = true,
                Some(Err(_)) | None => return false,
            }
        }
        match now(line.doorway.admit(id, self.key)) {
            Some(Ok(())) => {}
            Some(Err(_)) | None => return false,
        }
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);
        line.doorway.connected(id, address);
        let ready = self.agent(id).said_ready;
        self.agent(id).connected = true;
        self.say(
            id,
            MessageBody::Hello {
                version: "simulated".into(),
                capabilities: vec![SAYS_SERVICES.to_owned()],
                ready,
                epoch: 1,
            },
        );
        self.say_services(id);
        true
    }

    /// Its one service was restarted whenever it fell ill, and is well.
    fn say_services(&mut self, id: ServerId) {
        let (now, restarts) = (self.clock.now(), self.agent(id).restarts);
        let how = "ended with exit code 1".to_owned();
        let end = ServiceEnd { at: now, exit_code: Some(1), signal: None, how };
        let state = ServiceState {
            name: "app".to_owned(),
            phase: ServicePhase::Running,
            since: now,
            restarts,
            counted_since: Timestamp(0),
            restarts_lately: restarts.min(2) as u32,
            last_end: (restarts > 0).then_some(end),
            printed: String::new(),
        };
        self.say(id, MessageBody::Services { services: vec![state] });
    }

    fn say(&mut self, id: ServerId, body: MessageBody) {
        let at = self.clock.now();
        let agent = self.agent(id);
        agent.seq += 1;
        let (boot, seq) = (agent.boot.clone(), agent.seq);
        agent.unsaid.push_back(Message { v: VERSION, boot, seq, at, body });
    }

    /// An order is done once and answered each time it comes.
    fn obey(&mut self, id: ServerId, letter: &[u8]) {
        let order: OrderMessage = serde_json::from_slice(letter).expect("orders are JSON");
        let fails = self.luck.chance(5);
        if !self.agent(id).done.insert(order.order.0) {
            *self.counts.entry("order sent twice").or_default() += 1;
        }
        let error = match &order.body {
            OrderBody::WriteFile { .. } if fails => Some("the check failed".to_owned()),
            _ => None,
        };
        if let OrderBody::Leave { step, .. } = order.body {
            self.say_idle(id, step);
        }
        let (exit_code, output) = (0, String::new());
        self.say(
            id,
            MessageBody::Result { order: order.order, error, exit_code, output, ran: None },
        );
    }

    /// Some workers have nothing left to finish when they hear that their server is to go; some
    /// say it twice, and some of a retirement that is not theirs.
    fn say_idle(&mut self, id: ServerId, step: StepId) {
        let said: &[StepId] = match self.luck.below(10) {
            0..4 => &[step],
            4 => &[step, step],
            5 => &[StepId(step.0.saturating_sub(1)), StepId(step.0 + 1)],
            _ => &[],
        };
        for step in said {
            *self.counts.entry("idle word").or_default() += 1;
            self.say(id, MessageBody::Idle { step: *step });
        }
    }

    /// Says what is unsaid, in order, until something is not taken.
    fn deliver(&mut self, id: ServerId, line: &Line) {
        while let Some(message) = self.agent(id).unsaid.front().cloned() {
            let json = serde_json::to_vec(&message).expect("messages are JSON");
            let twice = self.luck.chance(5);
            if twice && !self.deaf {
                *self.counts.entry("message sent twice").or_default() += 1;
                drop(now(line.doorway.message(id, json.clone())));
            }
            // It may be heard although nobody acknowledges it.
            if is_health(&message.body) {
                self.told.own(id, true, 0);
            }
            let lost = self.deaf && is_illness(&message.body);
            let answer = if lost { Some(Ok(())) } else { now(line.doorway.message(id, json)) };
            match answer {
                Some(Ok(())) => {
                    self.agent(id).unsaid.pop_front();
                    self.note_told(id, &message.body);
                }
                Some(Err(Refusal::Never(_))) => drop(self.agent(id).unsaid.pop_front()),
                Some(Err(Refusal::Later(_))) | None => {
                    *self.counts.entry("message not taken").or_default() += 1;
                    return;
                }
            }
        }
    }

    /// The appliance took a word about who is ill.
    fn note_told(&mut self, id: ServerId, body: &MessageBody) {
        let moment = self.clock.monotonic();
        if let MessageBody::Hello { ready, .. } | MessageBody::Ready { ready, .. } = body {
            self.told.own(id, *ready, moment);
        }
    }

    fn read(&mut self, id: ServerId, line: &Line) {
        let noise = self.luck.below(60) as f64 / 10.0;
        let batch = Batch {
            series: vec!["cpu_percent".into(), "load_1m".into()],
            at: vec![self.clock.now()],
            columns: vec![vec![(self.load + noise).min(100.0)], vec![self.load / 50.0]],
        };
        let mut later = line.doorway.readings(id, reading::encode(&batch));
        line.series.drain();
        let answer = later.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if !matches!(answer, Poll::Ready(Ok(()))) {
            // An agent keeps them in its spool and sends them again; here they are lost.
            *self.counts.entry("readings not taken").or_default() += 1;
        }
    }
}

fn is_health(body: &MessageBody) -> bool {
    matches!(body, MessageBody::Hello { ready: true, .. } | MessageBody::Ready { ready: true, .. })
}

fn is_illness(body: &MessageBody) -> bool {
    match body {
        MessageBody::Ready { ready, .. } => !ready,
        MessageBody::Members { down, .. } => !down.is_empty(),
        MessageBody::Hello { .. }
        | MessageBody::Result { .. }
        | MessageBody::Services { .. }
        | MessageBody::Idle { .. }
        | MessageBody::Bye => false,
    }
}
