//! Reading what nobody asks for: a pass over everything in the store, a little at a time, so that
//! what rots on the disk is met while there is still a good backup.
//!
//! A pass first walks the rows of every table, which reads every page that leads to one; then it
//! reads from the disk again the pages that were in memory already.

use super::error::StoreError;
use super::handle::Store;
use super::migrations::spaces;
use super::rows::{Rows, Space, Span};
use crate::base::limit::{STORE_SCRUB_PAGES, STORE_SCRUB_ROWS};
use crate::model::Scope;

/// How far a pass is.
#[derive(Clone, Debug, Default)]
pub struct Scrub {
    /// Which space, of all there are; behind the last when their rows were walked.
    space: usize,
    /// The last row that was walked.
    after: Option<Vec<u8>>,
    /// The next page that is read again.
    page: u64,
}

impl Store {
    /// Goes on with a pass; whether it is over with this, and the next begins.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] once something is not what was written; the store then serves
    /// nothing any more.
    pub fn scrub(&self, pass: &mut Scrub) -> Result<bool, StoreError> {
        let mut left = STORE_SCRUB_ROWS;
        while let Some(space) = spaces().nth(pass.space) {
            left = left.saturating_sub(self.walk(space, pass)?);
            if left == 0 {
                return Ok(false);
            }
        }
        match self.reread(pass.page, STORE_SCRUB_PAGES)? {
            Some(next) => {
                pass.page = next;
                Ok(false)
            }
            None => {
                *pass = Scrub::default();
                Ok(true)
            }
        }
    }

    /// Walks some rows of a space; how many.
    fn walk(&self, space: Space, pass: &mut Scrub) -> Result<usize, StoreError> {
        let at_most = STORE_SCRUB_ROWS;
        let span = Span { after: pass.after.as_deref(), at_most, ..Span::prefix(&[]) };
        let mut rows = self.read_in(Scope::Installation, |view| view.txn.rows(space, &span))?;
        let walked = rows.len();
        let whole = walked < at_most;
        pass.after = rows.pop().map(|(key, _)| key);
        if whole {
            pass.after = None;
            pass.space += 1;
        }
        Ok(walked)
    }
}
