//! What platforms see of themselves and of servers that no listing carries: out of memory, a
//! network that does not carry, disks without a bound. It is an alert and a condition of each
//! server it is about for as long as it is seen; what happened to a server is an entry of its
//! story, too.
//!
//! A server that runs out of memory again and again is told of once in a while, not each time, so
//! that no workload can push the journal out.

use crate::base::{Millis, Result, ServerId};
use crate::model::{Actor, Cause, Grant, Notice, NoticeKind, Permission};
use crate::service::{Service, authorise, lookup};
use crate::store::{Author, Purpose};
use std::collections::BTreeMap;

/// Between two entries about one server.
const TOLD_EVERY: Millis = 10 * 60 * 1000;
/// Servers named in one alert.
const NAMED_MAX: usize = 5;

/// Takes in everything a platform sees just now.
pub fn take(service: &Service, actor: &Actor, platform: &str, notices: Vec<Notice>) -> Result<()> {
    let grant = authorise(actor, Permission::Operate)?;
    let now = service.clock.monotonic();
    let news = service.observed.notices.set(platform, notices.clone(), now, TOLD_EVERY);
    alert(service, platform, &notices)?;
    for notice in news {
        let Some(id) = notice.server else { continue };
        service.write(
            Author::new(&grant, "observe.notice", Cause::Listing, Purpose::Report),
            move |tx| {
                let Some(server) = lookup::server(tx, id)? else { return Ok(()) };
                let about = lookup::server_name(tx, &server)?;
                tx.text(about, notice.text.clone());
                tx.put(&server)?;
                Ok(())
            },
        )?;
    }
    Ok(())
}

/// One alert for each kind; what is about servers names the first of them.
fn alert(service: &Service, platform: &str, notices: &[Notice]) -> Result<()> {
    let mut texts: BTreeMap<NoticeKind, Vec<String>> = BTreeMap::new();
    for notice in notices {
        let told = texts.entry(notice.kind).or_default();
        let text = match notice.server {
            None => notice.text.clone(),
            Some(id) => {
                let name = service.read(&Grant::job("observe"), |view| {
                    match lookup::server(view, id)? {
                        Some(server) => lookup::server_name(view, &server),
                        None => Ok(id.to_string()),
                    }
                })?;
                format!("{name}: {}", notice.text)
            }
        };
        told.push(text);
    }
    for kind in NoticeKind::ALL {
        let text = texts.get(&kind).map(|told| {
            let more = told.len().saturating_sub(NAMED_MAX);
            let named = told[..told.len().min(NAMED_MAX)].join("; ");
            let more = if more > 0 { format!("; and {more} more") } else { String::new() };
            format!("{platform}: {named}{more}")
        });
        service.observed.set_alert(&format!("{}-{platform}", kind.as_str()), text);
    }
    Ok(())
}

/// What is seen of a server just now, with what is seen of its whole platform.
pub(in crate::service) fn of(service: &Service, platform: &str, server: ServerId) -> Vec<Notice> {
    service.observed.notices.of(platform, server)
}
