//! The links of a story: journal entries, cut to what they say about the thing asked for.
//!
//! One entry may speak of many things (a plan launches six servers); a story takes its part. Every
//! fact is one line: what a plan decided is told by its entry and nowhere else, and lines that
//! come again and again (a balancer's file) are one line with a count.

use crate::model::Door;
use crate::store::Entry;
use crate::wire::api::BecauseView;

/// One line of a story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    seq: u64,
    at: i64,
    text: String,
    /// A decision, or what a person asked for: kept when a story is too long.
    pub(super) weighty: bool,
}

/// What each of an entry's sentences is about, and the sentence.
fn parts(entry: &Entry) -> Vec<(&str, String)> {
    let mut out: Vec<(&str, String)> = Vec::new();
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
    let weighty = by_a_person(entry) || is_decision(&entry.verb);
    let who = match by_a_person(entry) {
        true => format!(" (by {})", entry.who.name),
        false => String::new(),
    };
    let said = parts(entry).into_iter().filter(|(whose, _)| of(whose));
    let line = |(whose, sentence): (&str, String)| {
        let text = match whose == about || whose.is_empty() {
            true => format!("{sentence}{who}"),
            false => format!("{whose}: {sentence}{who}"),
        };
        Link { seq: entry.seq.0, at: entry.at.0, text, weighty }
    };
    let mut links: Vec<Link> = said.map(line).collect();
    if entry.verb == "plan.commit" {
        // A plan says the target before the launch it brings; latest first is effect first.
        links.reverse();
    }
    links
}

/// Whether a person asked for it, so that a chain ends there.
pub(super) fn by_a_person(entry: &Entry) -> bool {
    matches!(entry.who.door, Door::Socket | Door::Https)
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
            | "order.expire"
            | "server.run"
    ) || entry.verb == "step.finish"
        && !entry.text.contains("failed")
        && !entry.text.contains("not known")
}

/// Puts a story in order, latest first: one line for what is said again and again, and where it
/// is longer than `at_most`, the small lines in its middle go first.
pub(super) fn finish(mut links: Vec<Link>, at_most: usize) -> Vec<BecauseView> {
    links.sort_by_key(|link| std::cmp::Reverse((link.at, link.seq)));
    // What the plan made of a person's wish is the wish once more.
    if links.iter().any(|link| link.text.contains("is asked to go (by ")) {
        links.retain(|link| !link.text.ends_with("is to go: a person asked for it"));
    }
    let mut told: Vec<(Link, usize)> = Vec::new();
    for link in links {
        match told.iter_mut().find(|(known, _)| known.text == link.text) {
            Some((_, times)) => *times += 1,
            None => told.push((link, 1)),
        }
    }
    while told.len() > at_most {
        // The newest small lines say how it is now: of the others, the oldest go first.
        let small = told.iter().skip(at_most / 3).rposition(|(link, _)| !link.weighty);
        told.remove(small.map_or(told.len() - 2, |at| at + at_most / 3));
    }
    let line = |(link, times): (Link, usize)| {
        let text = match times {
            1 => link.text,
            times => format!("{} ({times} times)", link.text),
        };
        BecauseView { seq: link.seq, at: link.at, text }
    };
    told.into_iter().map(line).collect()
}

/// The same lines under another name, for the story of a server that another one replaced.
pub(super) fn under(name: &str, links: Vec<Link>) -> Vec<Link> {
    let renamed = |link: Link| Link { text: format!("{name}: {}", link.text), ..link };
    links.into_iter().map(renamed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Seq, Timestamp};
    use crate::model::{Actor, Cause};
    use crate::store::Who;

    fn entry(seq: u64, verb: &str, about: &str, text: &str) -> Entry {
        Entry {
            seq: Seq(seq),
            at: Timestamp(i64::try_from(seq).unwrap_or(0) * 1000),
            epoch: 1,
            who: Who::from(&Actor::job("plan")),
            cause: Cause::Clock,
            verb: verb.into(),
            about: about.into(),
            text: text.into(),
            subjects: Vec::new(),
            changes: Vec::new(),
            previous: [0; 32],
        }
    }

    #[test]
    fn a_story_takes_its_part_of_an_entry() {
        let both =
            "target goes from 2 to 3: load; above 4; shop/web-3: is to be launched: target 3";
        let entry = entry(1, "plan.commit", "shop/web", both);
        let check = |about: &str, expected: &[&str]| {
            let told = tell(&entry, about, |whose| whose == about);
            let texts: Vec<&str> = told.iter().map(|link| link.text.as_str()).collect();
            assert_eq!(texts, expected, "{about}");
        };
        check("shop/web", &["target goes from 2 to 3: load; above 4"]);
        check("shop/web-3", &["is to be launched: target 3"]);
        check("shop/web-4", &[]);
    }

    #[test]
    fn a_story_is_latest_first_without_repeats_and_short() {
        let mut links = Vec::new();
        for seq in 1..=40 {
            let text = if seq % 2 == 0 { "again".to_owned() } else { format!("line {seq}") };
            links.extend(tell(
                &entry(seq, "agent.ready", "shop/web-1", &text),
                "shop/web-1",
                |_| true,
            ));
        }
        let root = entry(1, "plan.commit", "shop/web-1", "is to be launched");
        links.extend(tell(&root, "shop/web-1", |_| true));
        let told = finish(links, 6);
        let texts: Vec<&str> = told.iter().map(|link| link.text.as_str()).collect();
        assert_eq!(texts[0], "again (20 times)");
        assert_eq!(texts[1], "line 39");
        assert_eq!(texts[5], "is to be launched");
        assert_eq!(texts.len(), 6);
        assert!(told.is_sorted_by_key(|link| std::cmp::Reverse(link.at)));
    }
}
