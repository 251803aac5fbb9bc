//! What every verb answers and what it writes, field by field: the answer, each journal entry with
//! who, why and for whose stories, the fields of each record that differ, and the alerts and
//! reasons that stand afterwards. `written` says how; the goldens are beside it.
//!
//! A case is what happens on a site before, and then one or more calls. `verbs` has every verb of
//! `service` on a farm that runs; the other files have the states in which a verb answers
//! something else. With `BLESS=1` the goldens are written anew: read what changed in them.

mod agents;
mod calls;
mod farms;
mod holds;
mod jobs;
mod lives;
mod others;
mod rollouts;
mod servers;
mod steps;
mod tree;
mod written;

use crate::entrance::rights::{Call, There, VERBS, actor, site};
use crate::explain::site::Site;
use grange::base::Seq;
use grange::model::{Grant, Permission};
use grange::service::{Service, lookup};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use written::Known;

/// What is longer than this and was told before is not told again.
const LONG: usize = 100;

/// One thing of a case.
#[derive(Clone, Copy)]
pub enum Do {
    /// What [`Site::act`] knows.
    Act(&'static str),
    /// The same, and what it writes is wanted.
    Told(&'static str),
    /// A call, whose answer and writes are wanted.
    Call(Call),
    /// The alerts that stand by now are wanted.
    Alerts,
    /// Everything that was written so far is wanted.
    Whole,
    /// What else somebody outside does, whose writes are wanted.
    Outside(fn(&mut Site)),
}

/// A name, and what is done on a farm that runs.
pub type Case = (&'static str, &'static [Do]);

fn play(told: &mut String, site: &mut Site, deed: Do, known: &mut Known) {
    let before = written::last(&site.service);
    match deed {
        Do::Act(line) => {
            site.act(line);
            return writeln!(told, "- {line}").unwrap();
        }
        Do::Told(line) => {
            site.act(line);
            writeln!(told, "- {line}").unwrap();
        }
        Do::Call(verb) => return call(told, site, verb, known),
        Do::Alerts => return aftermath(told, &site.service),
        Do::Whole => return told.push_str(&written::since(&site.service, Seq(0), known)),
        Do::Outside(deed) => {
            deed(site);
            writeln!(told, "- (outside)").unwrap();
        }
    }
    told.push_str(&written::since(&site.service, before, known));
}

fn call(told: &mut String, site: &Site, call: Call, known: &mut Known) {
    let there = There::on(site);
    let before = written::last(&site.service);
    match call(&there, &actor(Permission::ALL.to_vec())) {
        Ok(answer) => written::answer(told, &answer, known),
        Err(problem) => {
            for fault in problem.each() {
                writeln!(told, "! {:?} {fault}", fault.code).unwrap();
            }
        }
    }
    told.push_str(&written::since(&site.service, before, known));
}

/// What people see of it afterwards.
fn aftermath(told: &mut String, service: &Service) {
    for alert in service.observed.alerts() {
        writeln!(told, "alert {alert}").unwrap();
    }
}

/// The servers' ids and the names that stand for them.
#[derive(Default)]
struct Names(BTreeMap<String, String>);

impl Names {
    fn learn(&mut self, service: &Service) {
        for server in service.read(&Grant::job("test"), lookup::all_servers).unwrap() {
            let mut name = server.hostname;
            while self.0.iter().any(|(id, taken)| *id != server.id.to_string() && *taken == name) {
                name.push('\'');
            }
            self.0.entry(server.id.to_string()).or_insert(name);
        }
    }

    fn put_in(&self, mut told: String) -> String {
        for (id, name) in &self.0 {
            told = told.replace(id, name).replace(&id[..8], &format!("<{name}>"));
        }
        told
    }
}

/// What was told in this golden before, and where: it is not told again.
#[derive(Default)]
struct Before(BTreeMap<String, usize>);

impl Before {
    fn tell(&mut self, told: &mut String, case: &str) {
        let mut part = String::new();
        for line in case.lines() {
            let goes_on =
                line.starts_with("  ") || (line.starts_with('=') && part.starts_with('='));
            if !goes_on {
                self.tell_part(told, &std::mem::take(&mut part));
            }
            part += line;
            part.push('\n');
        }
        self.tell_part(told, &part);
    }

    fn tell_part(&mut self, told: &mut String, part: &str) {
        let here = told.lines().count() + 1;
        let first = *self.0.entry(part.to_owned()).or_insert(here);
        if first == here || part.len() < LONG {
            return told.push_str(part);
        }
        let begin: String = part.chars().take_while(|c| *c != '\n').take(LONG / 2).collect();
        writeln!(told, "{begin} [as on line {first}]").unwrap();
    }
}

/// Every case of one golden.
fn check(name: &str, cases: &[Case]) {
    let (mut told, mut before) = (String::new(), Before::default());
    let mut known = Known::default();
    for (title, deeds) in cases {
        writeln!(told, "## {title}").unwrap();
        let mut site = site();
        let mut case = String::new();
        let mut names = Names::default();
        for deed in *deeds {
            if std::env::var_os("DBG").is_some() {
                eprintln!("{title} {}", case.lines().count());
            }
            play(&mut case, &mut site, *deed, &mut known);
            names.learn(&site.service);
        }
        aftermath(&mut case, &site.service);
        before.tell(&mut told, &names.put_in(case));
        told.push('\n');
    }
    compare(name, &told);
}

fn compare(name: &str, told: &str) {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fast/ledger/{name}.txt"));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, told).unwrap();
        return;
    }
    let was = std::fs::read_to_string(&path).unwrap_or_default();
    let mut title = "";
    for (nth, (is, was)) in told.lines().zip(was.lines()).enumerate() {
        title = if is.starts_with("## ") { is } else { title };
        assert_eq!(is, was, "{name}.txt:{} in {title}", nth + 1);
    }
    assert_eq!(told.lines().count(), was.lines().count(), "{name}.txt has other lines");
}

#[test]
fn every_verb_on_a_farm_that_runs() {
    let deeds: Vec<[Do; 1]> = VERBS.iter().map(|(_, _, call)| [Do::Call(*call)]).collect();
    let of = |((name, ..), deeds): (&(&'static str, _, _), &'static [Do])| (*name, deeds);
    let cases = VERBS.iter().zip(deeds.leak().iter().map(<[Do; 1]>::as_slice)).map(of);
    check("verbs", &cases.collect::<Vec<Case>>());
}

#[test]
fn what_farms_are_asked_in_every_state() {
    check("farms", farms::FARMS);
}

#[test]
fn what_holds_are_asked_in_every_state() {
    check("holds", holds::HOLDS);
}

#[test]
fn what_jobs_do_and_say() {
    compare("jobs", &jobs::tell());
}

#[test]
fn what_is_written_in_whole_lives() {
    check("lives", lives::LIVES);
}

#[test]
fn what_rollouts_and_manifests_are_asked_in_every_state() {
    check("rollouts", rollouts::ROLLOUTS);
}

#[test]
fn what_servers_are_asked_in_every_state() {
    check("servers", servers::SERVERS);
}

#[test]
fn what_else_is_asked_in_every_state() {
    check("others", others::OTHERS);
}

#[test]
fn what_agents_say_in_every_state() {
    check("agents", agents::AGENTS);
}

#[test]
fn what_becomes_of_steps() {
    check("steps", steps::STEPS);
}
