//! Holds.

use super::{Client, Error, Query};
use crate::wire::hold::{HoldInput, HoldView};
use crate::wire::input::NoInput;

impl Client {
    /// What is held.
    pub fn holds(&self) -> Result<Vec<HoldView>, Error> {
        self.all("grange/holds/", &Query::default())
    }

    /// Holds one kind of automation of a farm or farm role.
    pub fn hold_place(&self, input: &HoldInput) -> Result<HoldView, Error> {
        self.act("grange/holds/", input)
    }

    /// Releases a hold.
    pub fn hold_release(&self, id: u64) -> Result<(), Error> {
        self.change("DELETE", &format!("grange/holds/{id}/"), &NoInput {}, None).map(|_| ())
    }
}
