//! Cloud accounts.

use super::{Client, Error, Query, encode};
use crate::wire::account::AccountView;
use crate::wire::input::NoInput;

impl Client {
    /// Every cloud account.
    pub fn accounts(&self) -> Result<Vec<AccountView>, Error> {
        self.all("grange/cloud-accounts/", &Query::default())
    }

    /// Forgets the failures of a cloud account.
    pub fn account_resume(&self, name: &str) -> Result<AccountView, Error> {
        let path = format!("grange/cloud-accounts/{}/actions/resume/", encode(name));
        self.act(&path, &NoInput {})
    }
}
