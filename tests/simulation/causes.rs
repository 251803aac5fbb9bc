//! Every journal entry says what it came of, and the chain of causes ends: in a person, in what an
//! agent said, in a listing or in a clock. Judged entry by entry, so that no cause can be that of
//! another.
//!
//! ```text
//! server <- step.begin, step.finish <- step <- plan.commit <- an entry about the farm <- ...
//! ```

use grange::base::{FarmId, Seq};
use grange::model::{Cause, Door, Grant};
use grange::service::Service;
use grange::store::{Entry, Subject};

/// The actor of planted faults: it stands for no cause.
const SABOTEUR: &str = "job:saboteur";
/// Entries looked at in one go.
const AT_MOST: usize = 1_000;

/// What is wrong with the causes of the entries after one; says also which was the last.
pub fn faults(service: &Service, after: Seq) -> (Vec<String>, Seq) {
    // A store that does not answer is looked at when it does.
    let Ok(entries) = service.store.entries(&Grant::job("test"), after, AT_MOST) else {
        return (Vec::new(), after);
    };
    let last = entries.last().map_or(after, |entry| entry.seq);
    let earlier = |farm, before| {
        let found =
            service.store.entries_about(&Grant::job("test"), Subject::Farm(farm), Some(before), 1);
        found.ok().and_then(|found| found.into_iter().next())
    };
    (entries.iter().filter_map(|entry| fault(entry, &earlier)).collect(), last)
}

/// What is wrong with the cause of one entry. `earlier` is the last entry about a farm before one.
fn fault(entry: &Entry, earlier: &dyn Fn(FarmId, Seq) -> Option<Entry>) -> Option<String> {
    if entry.who.name == SABOTEUR {
        return None;
    }
    let right = match (entry.verb.as_str(), &entry.cause) {
        ("plan.commit", cause) => *cause == cause_of_plan(entry, earlier),
        ("step.begin" | "step.finish", Cause::Step(id)) => {
            entry.subjects.contains(&Subject::Step(*id))
        }
        ("observe.listing" | "volume.seen" | "volume.deleted", cause) => *cause == Cause::Listing,
        (verb, Cause::Agent(server)) if verb.starts_with("agent.") => {
            let of = |subject: &Subject| matches!(subject, Subject::Server(_));
            let mut servers = entry.subjects.iter().filter(|subject| of(subject));
            entry.who.door == Door::Agent && servers.all(|it| *it == Subject::Server(*server))
        }
        (verb, _) if verb.starts_with("agent.") => false,
        ("step.begin" | "step.finish", _) => false,
        (_, Cause::Request) => entry.who.door != Door::Appliance || entry.who.name == "job:start",
        (_, Cause::Clock) => entry.who.door == Door::Appliance,
        _ => false,
    };
    let (seq, verb, who) = (entry.seq, &entry.verb, &entry.who.name);
    (!right).then(|| format!("cause: {seq} {verb} of {who} comes of {:?}", entry.cause))
}

/// A plan comes of what happened to its farm since the plan before it; of a clock where nothing
/// did, for what is read and seen is in no entry.
fn cause_of_plan(entry: &Entry, earlier: &dyn Fn(FarmId, Seq) -> Option<Entry>) -> Cause {
    let farm = entry.subjects.iter().find_map(|subject| match subject {
        Subject::Farm(id) => Some(*id),
        _ => None,
    });
    match farm.and_then(|farm| earlier(farm, entry.seq)) {
        Some(before) if before.verb != "plan.commit" => Cause::Entry(before.seq),
        Some(_) | None => Cause::Clock,
    }
}

#[cfg(test)]
mod tests {
    use super::fault;
    use grange::base::{EnvironmentId, FarmId, Seq, ServerId, StepId, Timestamp, UserId};
    use grange::model::{Cause, Door};
    use grange::store::{Entry, Subject, Who};

    fn entry(seq: u64, verb: &str, who: &str, door: Door, cause: Cause) -> Entry {
        let (user, env) = (UserId(0), EnvironmentId(1));
        let (name, address, request) = (who.to_owned(), String::new(), String::new());
        Entry {
            seq: Seq(seq),
            at: Timestamp(0),
            epoch: 1,
            who: Who { user, name, env, door, address, request },
            cause,
            verb: verb.to_owned(),
            about: String::new(),
            text: String::new(),
            subjects: vec![
                Subject::Farm(FarmId(1)),
                Subject::Server(ServerId(2)),
                Subject::Step(StepId(3)),
            ],
            changes: Vec::new(),
            previous: [0; 32],
        }
    }

    #[test]
    fn a_cause_that_is_not_the_entrys_own_is_told() {
        let (job, person, agent) = (Door::Appliance, Door::Socket, Door::Agent);
        let request = || Some(entry(6, "farm.update", "admin", person, Cause::Request));
        let plan = || Some(entry(6, "plan.commit", "job:plan", job, Cause::Clock));
        let nothing = || None;
        type Before<'a> = &'a dyn Fn() -> Option<Entry>;
        let cases: &[(&str, &str, Door, Before, &[Cause])] = &[
            ("plan.commit", "job:plan", job, &request, &[Cause::Entry(Seq(6))]),
            ("plan.commit", "job:plan", job, &plan, &[Cause::Clock]),
            ("plan.commit", "job:plan", job, &nothing, &[Cause::Clock]),
            ("step.begin", "job:execute", job, &plan, &[Cause::Step(StepId(3))]),
            ("step.finish", "job:execute", job, &plan, &[Cause::Step(StepId(3))]),
            ("step.adopt", "job:execute", job, &plan, &[Cause::Clock]),
            ("observe.listing", "job:observe", job, &plan, &[Cause::Listing]),
            ("volume.seen", "job:volumes", job, &plan, &[Cause::Listing]),
            ("volume.deleted", "job:volumes", job, &plan, &[Cause::Listing]),
            ("agent.hello", "agent:shop/web-1", agent, &plan, &[Cause::Agent(ServerId(2))]),
            ("farm.update", "admin", person, &plan, &[Cause::Request]),
            ("start.records", "job:start", job, &plan, &[Cause::Request, Cause::Clock]),
            ("hold.expire", "job:holds", job, &plan, &[Cause::Clock]),
        ];
        let causes = [
            Cause::Request,
            Cause::Entry(Seq(6)),
            Cause::Entry(Seq(5)),
            Cause::Step(StepId(3)),
            Cause::Step(StepId(4)),
            Cause::Agent(ServerId(2)),
            Cause::Agent(ServerId(1)),
            Cause::Listing,
            Cause::Clock,
        ];
        for (verb, who, door, before, right) in cases {
            for cause in &causes {
                let found = fault(&entry(7, verb, who, *door, cause.clone()), &|_, _| before());
                assert_eq!(found.is_none(), right.contains(cause), "{verb} {cause:?}: {found:?}");
            }
        }
    }
}
