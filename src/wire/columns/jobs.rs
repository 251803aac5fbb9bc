//! The list of the appliance's background jobs.

use super::{Column, Get, List};
use crate::wire::api::JobView;

/// Background jobs.
pub const JOBS: List<JobView> = List { of: "jobs", columns: COLUMNS, name: |job| job.name.clone() };

type This = Column<JobView>;

const COLUMNS: &[This] = &[
    This::new("job", "Its name", Get::Text(|job| Some(job.name.clone()))),
    This::new("runs", "Runs since the start", Get::Count(|job| Some(job.runs))),
    This::new("failures", "Runs that failed", Get::Count(|job| Some(job.failures))),
    This::new("last", "How the last one went", Get::Text(|job| Some(job.last.clone()))),
];
