//! Worlds where people left something: a hold, notes.

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
