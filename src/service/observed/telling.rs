//! Whether there are agents to be told where the appliance is by now, and which of them can be.

use crate::base::ServerId;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Where agents were told to come that is no longer what they are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormerPorts {
    /// Listened on until every agent is told.
    pub open: Vec<String>,
    /// Where nobody can listen now, each with why.
    pub lost: Vec<String>,
}

/// See the module's text.
#[derive(Default)]
pub struct Telling {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    former: Option<FormerPorts>,
    /// Agents that said, when they came in, that they can be told.
    able: BTreeSet<ServerId>,
}

impl Telling {
    /// Begins, or with `None` ends, telling agents another address.
    pub fn set(&self, former: Option<FormerPorts>) {
        self.lock().former = former;
    }

    /// What is told of, while some agent has not been told.
    pub fn former(&self) -> Option<FormerPorts> {
        self.lock().former.clone()
    }

    /// An agent came in; whether it can be told.
    pub fn hello(&self, server: ServerId, able: bool) {
        let mut inner = self.lock();
        match able {
            true => inner.able.insert(server),
            false => inner.able.remove(&server),
        };
    }

    /// Whether an agent can be told; one that was not heard of since the start cannot.
    pub fn is_able(&self, server: ServerId) -> bool {
        self.lock().able.contains(&server)
    }

    /// Its server is long gone.
    pub(super) fn forget(&self, server: ServerId) {
        self.lock().able.remove(&server);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
