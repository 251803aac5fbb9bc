//! The links of a story: journal entries, cut to what they say about the thing asked for.
//!
//! One entry may speak of many things (a plan launches six servers); a story takes its part. Every
//! fact is one line, and lines that come again and again (a balancer's file) are one line with a
//! count. A line that nothing else led to carries its [`Root`]: there the chain ends.

use crate::base::Seq;
use crate::model::{
    Decision, Door, Line, Move, Plan, Server, ServerStatus, Step, StepKind, StepStatus,
    TerminateReason,
};
use crate::service::journal::explain::past;
use crate::service::plans;
use crate::store::{Entry, Table};
use crate::wire::api::BecauseView;

/// What a chain of causes ends in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Root {
    /// Somebody asked for it.
    Person,
    /// Readings crossed a rule's bound.
    Reading,
    /// A time was over.
    Clock,
    /// A listing showed it, or lacked it.
    Sighting,
    /// All of a farm was stopped at once.
    PowerCut,
    /// An agent said so.
    Agent,
    /// A cloud refused.
    Cloud,
    /// The journal does not reach back further.
    Journal,
}

impl Root {
    /// Its name, as stories print it.
    pub fn as_str(self) -> &'static str {
        match self {
            Root::Person => "person",
            Root::Reading => "reading",
            Root::Clock => "clock",
            Root::Sighting => "sighting",
            Root::PowerCut => "power cut",
            Root::Agent => "agent",
            Root::Cloud => "cloud",
            Root::Journal => "journal",
        }
    }
}

/// One line of a story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub seq: u64,
    pub at: i64,
    /// Within one entry, effects (0) come before their causes.
    pub depth: u32,
    pub text: String,
    /// A decision, or what a person asked for: kept when a story is too long.
    pub weighty: bool,
    pub root: Option<Root>,
}

/// What each of an entry's sentences is about, and the sentence.
pub(super) fn parts(entry: &Entry) -> Vec<(&str, String)> {
    let mut out: Vec<(&str, String)> = Vec::new();
    if entry.verb == "hold.place" {
        // A person's words are in it, whatever they look like.
        return vec![(entry.about.as_str(), entry.text.clone())];
    }
    for piece in entry.text.split("; ") {
        match (subject_of(piece), out.last_mut()) {
            (Some((about, sentence)), _) => out.push((about, sentence.to_owned())),
            (None, None) => out.push((entry.about.as_str(), piece.to_owned())),
            (None, Some((_, sentence))) => {
                sentence.push_str("; ");
                sentence.push_str(piece);
            }
        }
    }
    out
}

/// `shop/web-3: launched` is about `shop/web-3`.
fn subject_of(piece: &str) -> Option<(&str, &str)> {
    let (about, sentence) = piece.split_once(": ")?;
    (about.contains('/') && !about.contains(' ')).then_some((about, sentence))
}

/// The lines an entry gives to the story of `about`. `of` says which sentences belong to it.
pub(super) fn tell(entry: &Entry, about: &str, of: impl Fn(&str) -> bool) -> Vec<Link> {
    if let Ok(Some(plan)) = past::only::<Plan>(entry)
        && entry.verb == "plan.commit"
    {
        return lines(entry, &plan, about, |line| of(&line.about));
    }
    let weighty = by_a_person(entry) || is_decision(&entry.verb);
    let (who, root) = (by_whom(entry), root_of(entry));
    let said = parts(entry).into_iter().filter(|(whose, _)| of(whose));
    let line = |(depth, (whose, sentence)): (usize, (&str, String))| {
        let text = match whose == about || whose.is_empty() {
            true => format!("{sentence}{who}"),
            false => format!("{whose}: {sentence}{who}"),
        };
        let depth = u32::try_from(depth).unwrap_or(u32::MAX);
        Link { seq: entry.seq.0, at: entry.at.0, depth, text, weighty, root }
    };
    said.enumerate().map(line).collect()
}

/// What a plan decided about some of its farm, one line each. A plan says the target before the
/// launch it brings; latest first is effect first.
pub(super) fn lines(
    entry: &Entry,
    plan: &Plan,
    about: &str,
    of: impl Fn(&Line) -> bool,
) -> Vec<Link> {
    let decided = plan.report.iter().rev().filter(|line| line.decision.is_change() && of(line));
    let link = |(depth, line): (usize, &Line)| {
        let sentence = plans::sentence(&line.decision);
        let text = match line.about == about {
            true => format!("plan {}: {sentence}", plan.id),
            false => format!("plan {}: {}: {sentence}", plan.id, line.about),
        };
        let depth = u32::try_from(depth).unwrap_or(u32::MAX);
        let root = root_in(plan, line);
        Link { seq: entry.seq.0, at: entry.at.0, depth, text, weighty: true, root }
    };
    decided.enumerate().map(link).collect()
}

/// Where the chain of one decision ends, if that is in the plan itself.
pub(super) fn root_in(plan: &Plan, line: &Line) -> Option<Root> {
    match (&line.decision, line.farm_role, line.server) {
        (Decision::Target { .. }, Some(role), _) => {
            let target = plan.target(role)?;
            let scaled = [target.scaled_up_at, target.scaled_down_at].contains(&Some(plan.at));
            scaled.then_some(Root::Reading)
        }
        (Decision::Act(_), None, None) if plan.cold_start.is_some() => Some(Root::PowerCut),
        (_, _, Some(server)) => {
            plan.moves.iter().find(|m| m.server() == server).and_then(|m| end(m, plan))
        }
        (_, _, None) => None,
    }
}

/// ` (by admin)`, with the address where they came over the network; empty for a job.
pub(super) fn by_whom(entry: &Entry) -> String {
    match entry.who.door {
        Door::Socket => format!(" (by {})", entry.who.name),
        Door::Https => format!(" (by {} from {})", entry.who.name, entry.who.address),
        Door::Appliance | Door::Agent => String::new(),
    }
}

/// Whether a person asked for it, so that a chain ends there.
pub(super) fn by_a_person(entry: &Entry) -> bool {
    matches!(entry.who.door, Door::Socket | Door::Https)
}

/// Where a chain ends that reaches this entry, as far as the entry itself tells.
fn root_of(entry: &Entry) -> Option<Root> {
    if by_a_person(entry) {
        return Some(Root::Person);
    }
    let server = past::only::<Server>(entry).ok().flatten();
    let step = past::only::<Step>(entry).ok().flatten();
    match entry.verb.as_str() {
        "agent.ready" | "agent.hello"
            if server.as_ref().is_none_or(|s| s.status != ServerStatus::Running) =>
        {
            Some(Root::Agent)
        }
        "observe.listing" | "observe.notice" => Some(Root::Sighting),
        "step.finish" if step.is_some_and(|step| step.status == StepStatus::Failed) => {
            Some(Root::Cloud)
        }
        "order.expire" | "server.forget" | "hold.expire" => Some(Root::Clock),
        _ => None,
    }
}

/// What a plan decided about one server.
pub(super) fn decided(entry: &Entry, plan: &Plan, server: &Server, depth: u32) -> Vec<Link> {
    let mut links = lines(entry, plan, "", |line| line.server == Some(server.id));
    for link in &mut links {
        link.depth = depth;
        // Whose line it is, the story says.
        if let Some((number, rest)) = link.text.split_once(": ")
            && let Some((_, sentence)) = rest.split_once(": ")
        {
            link.text = format!("{number}: {sentence}");
        }
    }
    links
}

/// Where the chain of a move ends, when it is the move itself.
fn end(change: &Move, plan: &Plan) -> Option<Root> {
    match change {
        Move::Retire { reason, .. } => match reason {
            TerminateReason::Crashed => Some(Root::Sighting),
            TerminateReason::Unhealthy | TerminateReason::SetupFailed => Some(Root::Agent),
            TerminateReason::LaunchTimeout => Some(Root::Clock),
            TerminateReason::LaunchFailed => Some(Root::Cloud),
            TerminateReason::ScalingDown
            | TerminateReason::Manual
            | TerminateReason::FarmTerminated
            | TerminateReason::RoleRemoved
            | TerminateReason::Rollout => None,
        },
        Move::Act { kind: StepKind::Start, .. } if plan.cold_start.is_some() => {
            Some(Root::PowerCut)
        }
        Move::Act { kind: StepKind::Terminate, .. } => Some(Root::Clock),
        Move::Hasten { .. } => Some(Root::Agent),
        Move::Act { .. } | Move::Launch { .. } | Move::Cancel { .. } | Move::Park { .. } => None,
    }
}

fn is_decision(verb: &str) -> bool {
    matches!(verb, "plan.commit" | "observe.listing" | "farm.remove")
}

/// Whether it is one of the small steps that a farm's story can do without.
pub(super) fn is_small(entry: &Entry) -> bool {
    matches!(
        entry.verb.as_str(),
        "step.begin"
            | "agent.enrol"
            | "agent.result"
            | "balancer.configure"
            | "note.add"
            | "note.remove"
            | "order.expire"
            | "server.run"
    ) || entry.verb == "step.finish"
        && !entry.text.contains("failed")
        && !entry.text.contains("not known")
}

/// Whether it says of a step that it began, while another entry here says how it ended.
pub(super) fn is_answered(entry: &Entry, all: &[Entry]) -> bool {
    let step = |entry: &Entry| past::only::<Step>(entry).ok().flatten();
    let Some(begun) = step(entry).filter(|_| entry.verb == "step.begin") else { return false };
    all.iter().filter(|other| other.seq > entry.seq).any(|other| {
        let touches = other.changes.iter().any(|change| change.table == Table::Steps);
        touches && step(other).is_some_and(|step| step.id == begun.id && !step.status.is_open())
    })
}

/// Puts a story in order, latest first: one line for what is said again and again, and where it
/// is longer than `at_most`, the small lines in its middle go first, and one says how many went.
/// What a chain ends in stays.
pub(super) fn finish(mut links: Vec<Link>, at_most: usize) -> Vec<BecauseView> {
    links.sort_by_key(|link| (std::cmp::Reverse((link.at, link.seq)), link.depth));
    let mut told: Vec<(Link, usize)> = Vec::new();
    for link in links {
        match told.iter_mut().find(|(known, _)| known.text == link.text) {
            Some((known, _)) if known.seq == link.seq => {}
            Some((_, times)) => *times += 1,
            None => told.push((link, 1)),
        }
    }
    let too_many = told.len().saturating_sub(at_most);
    while told.len() > at_most {
        // The newest lines say how it is now, the last two how it began: between them the small
        // ones go first, the oldest of them before the others, and the ends of chains last.
        let (newest, last) = (at_most / 3, told.len().saturating_sub(2));
        let between = &told[newest.min(last)..last];
        let small = between.iter().rposition(|(link, _)| !link.weighty && link.root.is_none());
        let plain = || between.iter().rposition(|(link, _)| link.root.is_none());
        let at = small.or_else(plain).map_or(told.len() / 2, |at| at + newest.min(last));
        told.remove(at);
    }
    let line = |(link, times): (Link, usize)| {
        let text = match times {
            1 => link.text,
            times => format!("{} ({times} times)", link.text),
        };
        let root = link.root.map(Root::as_str).unwrap_or_default().to_owned();
        BecauseView { seq: link.seq, at: link.at, text, root }
    };
    let mut lines: Vec<BecauseView> = told.into_iter().map(line).collect();
    if too_many > 0 {
        let place = lines.len().saturating_sub(2);
        let at = lines.get(place).map_or(0, |next| next.at);
        let text = format!("{too_many} smaller ones left out: grange events --about has them");
        lines.insert(place, BecauseView { seq: 0, at, text, root: String::new() });
    }
    lines
}

/// The same lines under another name, for the story of a server that another one replaced.
pub(super) fn under(name: &str, mut links: Vec<Link>) -> Vec<Link> {
    for link in &mut links {
        // A plan's number stays in front.
        let number = link.text.find(": ").filter(|_| link.text.starts_with("plan "));
        let at = number.map_or(0, |colon| colon + 2);
        link.text.insert_str(at, &format!("{name} "));
    }
    links
}

/// The last word about a story whose beginning is gone.
pub(super) fn beyond(seq: Seq, at: i64, depth: u32, what: &str) -> Link {
    let text = format!("{what} is older than the journal keeps; it begins with entry {seq}");
    Link { seq: 0, at, depth, text, weighty: true, root: Some(Root::Journal) }
}
