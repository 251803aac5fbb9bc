//! What people run on many servers.

use super::super::journal::Subject;
use super::super::tables::{Index, Key, Record};
use crate::base::{EnvironmentId, RunId, RunServerId};
use crate::model::{Run, RunServer, RunServerState};

impl Record for Run {
    type Key = RunId;
    const SCHEMA: u8 = 1;

    fn key(&self) -> RunId {
        self.id
    }

    fn env(&self) -> Option<EnvironmentId> {
        Some(self.env)
    }

    fn indexes(&self) -> Vec<(Index, Vec<u8>)> {
        match self.ended_at {
            None => vec![(Index::OpenRuns, self.id.bytes())],
            Some(_) => Vec::new(),
        }
    }
}

impl Record for RunServer {
    type Key = RunServerId;
    const SCHEMA: u8 = 1;

    fn key(&self) -> RunServerId {
        self.id
    }

    fn env(&self) -> Option<EnvironmentId> {
        Some(self.env)
    }

    fn indexes(&self) -> Vec<(Index, Vec<u8>)> {
        let mut rows = vec![(Index::RunServersByRun, self.run.bytes())];
        if self.state == RunServerState::Waiting {
            rows.push((Index::WaitingRunServers, self.run.bytes()));
        }
        rows.extend(self.order.map(|order| (Index::RunServersByOrder, order.bytes())));
        rows
    }

    fn subjects(&self) -> Vec<Subject> {
        vec![Subject::Server(self.server)]
    }
}
