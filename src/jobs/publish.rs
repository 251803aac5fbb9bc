//! Lets ports of the machine lead to the servers that serve now, and tells how they are; lets
//! servers out whose farm roles say so.

use crate::base::Millis;
use crate::clouds::publication::ServerConnections;
use crate::jobs::{Job, Ports, Work};
use crate::service::farms::published;
use std::collections::BTreeSet;

/// While anything is wanted, how it is is asked this often: what opens and closes ports, and what
/// somebody changes of the machine's network, does not wake us.
const LOOK_PERIOD: Millis = 2_000;

/// The job.
#[derive(Default)]
pub struct PublishPorts {
    /// Platforms that were told of ports: once more when there are none any more.
    told: BTreeSet<String>,
    /// It has looked before.
    begun: bool,
}

impl Job for PublishPorts {
    fn step(&mut self, ports: &Ports) -> Work {
        let wanted = match published::wanted(&ports.service) {
            Ok(wanted) => wanted,
            Err(problem) => return Work::failed(&problem),
        };
        let first = !std::mem::replace(&mut self.begun, true);
        let mut found = wanted.refused.clone();
        let (mut failures, none) = (Vec::new(), ServerConnections::default());
        for (platform, cloud) in &ports.clouds {
            let connections = wanted.of_platforms.get(platform).unwrap_or(&none);
            // At the start, too, one is told: it may have ports open of before.
            let silent = connections.is_empty() && connections.names.is_empty();
            if silent && !first && !self.told.contains(platform) {
                continue;
            }
            match cloud.connect(connections) {
                Ok(published) => found.extend(published),
                Err(error) => {
                    found.extend(wanted.all_wrong(platform, &error.to_string()));
                    failures.push(format!("{platform}: {error}"));
                }
            }
            match silent {
                true => self.told.remove(platform),
                false => self.told.insert(platform.clone()),
            };
        }
        published::take(&ports.service, &wanted, found);
        let next = (!wanted.is_empty()).then(|| ports.service.now().after(LOOK_PERIOD));
        let count: usize = wanted.of_platforms.values().map(|of| of.published.len()).sum();
        Work::unless(&failures, format!("{count} ports published")).by(next)
    }
}
