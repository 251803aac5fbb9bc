//! Agents that do what no agent does: what people are told of it.

use crate::base::limit::{NONSENSE_ALERT_AFTER, STRANGE_NAMES_MAX};
use crate::base::{ServerId, text};
use crate::model::Grant;
use crate::service::observed::Oddities;
use crate::service::{Service, lookup};

const COPIED: &str = "agents-copied";
const NONSENSE: &str = "agents-nonsense";

/// Raises the alerts about such agents, and ends those that are over.
pub fn tell(service: &Service) {
    let lately = service.observed.oddities(service.clock.monotonic());
    let (mut copied, mut nonsense) = (Vec::new(), Vec::new());
    for (server, odd) in &lately {
        if let Some((agent, copy)) = odd.copy {
            copied.push(format!(
                "{}: its agent is at {agent}, the other one at {copy} was refused",
                name_of(service, *server)
            ));
        }
        if odd.nonsense_batches >= NONSENSE_ALERT_AFTER {
            nonsense.push(format!("{} ({})", name_of(service, *server), refused(odd)));
        }
    }
    let told = [
        (COPIED, "an agent's certificate is in use on two machines", copied),
        (NONSENSE, "readings that cannot be right are refused", nonsense),
    ];
    for (key, what, who) in told {
        let text = (!who.is_empty()).then(|| format!("{what}: {}", list(&who)));
        service.observed.set_alert(key, text);
    }
}

/// Readings that were refused, in words.
pub(in crate::service) fn refused(odd: &Oddities) -> String {
    let what = text::tidy(&odd.nonsense, 200);
    format!("{} readings refused, the last: {what}", odd.nonsense_readings)
}

fn list(who: &[String]) -> String {
    let named = who.iter().take(STRANGE_NAMES_MAX).cloned().collect::<Vec<_>>().join(", ");
    match who.len().saturating_sub(STRANGE_NAMES_MAX) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

fn name_of(service: &Service, server: ServerId) -> String {
    let found = service.read(&Grant::job("strange"), |view| {
        lookup::server(view, server)?.map(|s| lookup::server_name(view, &s)).transpose()
    });
    found.ok().flatten().unwrap_or_else(|| server.to_string())
}
