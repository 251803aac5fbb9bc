//! Worlds where people left something: a hold, notes; and what servers printed.

use super::world::{NOW, World};
use grange::wire::note::NoteView;

impl World {
    /// A hold on the first farm's first farm role.
    pub fn hold(&mut self) {
        self.farms[0].grange.holds = vec!["web scale, 1 h 59 m left: black friday".into()];
        self.roles[0].grange.holds = vec!["scale, 1 h 59 m left: black friday".into()];
    }

    /// A note on the first farm, on its farm roles and servers.
    pub fn note(&mut self) {
        let note = |about: &str, text: &str| NoteView {
            id: 7,
            about: about.into(),
            text: text.into(),
            by: "ann".into(),
            at: NOW - 90 * 60_000,
        };
        self.farms[0].grange.notes = vec![note("shop", "ask Ann before you touch it")];
        for role in &mut self.roles {
            let about = format!("shop/{}", role.alias);
            role.grange.notes = vec![note(&about, "the vendor counts these")];
        }
        for server in &mut self.servers {
            let name = server.grange.name.clone();
            server.grange.notes = vec![note(&name, "kept until Friday; its disk is slow")];
        }
    }
}

/// What a server printed, a line longer than any screen and a terminal's own words among it.
pub fn printed(server: &str) -> Vec<String> {
    let lines = |name: &str, count: usize| {
        let line = |n| format!("{n:03} {name} of {server} says something");
        let heading = format!("==> {name} <==");
        [heading].into_iter().chain((1..=count).map(line)).collect::<Vec<_>>()
    };
    let long = format!("a line as long as {} a line is", "many words make it ".repeat(8));
    let hostile = "a terminal's own words: \\u{1b}[2J".to_owned();
    [lines("setup-1", 3), vec![String::new()], lines("api", 30), vec![long, hostile]].concat()
}
