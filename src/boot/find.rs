//! The journal's search index, handed to the service as the [`Finder`] it asks for.
//!
//! An appliance without one lives as well: an index that cannot be opened is told to the log, and
//! only searching is refused.

use crate::service::Finder;
use std::path::Path;
use std::sync::Arc;

/// Opens the index of a state directory; `None` when it cannot be, or is not built in.
#[cfg(feature = "search")]
pub fn open(data_dir: &Path) -> Option<Arc<dyn Finder>> {
    let dir = data_dir.join("search");
    let opened = crate::search::Search::open(&dir).or_else(|error| {
        let why = crate::base::problem::chain(&error);
        tracing::warn!(why, "the search index cannot be opened and is made anew");
        let _ = std::fs::remove_dir_all(&dir);
        crate::search::Search::open(&dir)
    });
    match opened {
        Ok(search) => Some(Arc::new(Index(search))),
        Err(error) => {
            let why = crate::base::problem::chain(&error);
            tracing::warn!(why, "there is no search: its index cannot be made");
            None
        }
    }
}

/// Opens the index of a state directory; `None` when it cannot be, or is not built in.
#[cfg(not(feature = "search"))]
pub fn open(_: &Path) -> Option<Arc<dyn Finder>> {
    None
}

#[cfg(feature = "search")]
pub use built_in::Index;

#[cfg(feature = "search")]
mod built_in {
    use crate::base::{Problem, Result};
    use crate::search::{Search, SearchError};
    use crate::service::Finder;
    use crate::wire::api::EventView;

    fn problem(error: SearchError) -> Problem {
        Problem::internal("searching the journal", error)
    }

    /// The index as the service asks for one.
    pub struct Index(pub Search);

    impl Finder for Index {
        fn cursor(&self) -> u64 {
            self.0.cursor()
        }

        fn index(&self, events: &[EventView], through: u64, first: u64) -> Result<()> {
            self.0.index(events, through, first).map_err(problem)
        }

        fn query(&self, words: &str, at_most: usize) -> Result<Vec<u64>> {
            self.0.query(words, at_most).map_err(problem)
        }

        fn examine(&self) -> Result<bool> {
            self.0.examine().map_err(problem)
        }

        fn clear(&self) -> Result<()> {
            self.0.clear().map_err(problem)
        }
    }
}
