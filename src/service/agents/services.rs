//! How services are, from an agent's word to where people look: what is known of them, entries of
//! their server's story, and an alert for as long as one keeps ending.

use crate::base::{FarmId, Result, ServerId};
use crate::model::{Grant, ServerStatus, ServiceState};
use crate::service::farms::alerts;
use crate::service::observed::ServicesSaid;
use crate::service::{Service, lookup};
use crate::store::{Subject, Tx};

/// Servers looked at for one alert; that there are more is said.
const LOOKED_AT_MAX: usize = 50;
/// Servers named in it.
const NAMED_MAX: usize = 5;
/// Numbers of restarts an alert tells apart: one whose words change is told again, and a loop
/// counts on.
const TOLD: [u32; 3] = [20, 10, 3];

/// Takes in what an agent says. Gives what is worth an entry, and whether its server turned.
pub(super) fn take(
    service: &Service,
    from: ServerId,
    services: &[ServiceState],
) -> Result<(Vec<String>, bool)> {
    let server = service.read(&Grant::job("gate"), |view| lookup::server(view, from))?;
    let Some(server) = server.filter(|server| server.status.is_wanted()) else {
        return Ok((Vec::new(), false));
    };
    let said = ServicesSaid {
        farm: server.farm,
        farm_role: server.farm_role,
        at: service.now(),
        services: services.to_vec(),
    };
    let told = service.observed.services_said(from, said);
    raise(service, server.farm);
    Ok(told)
}

/// Notes what is worth it: no record changes, and yet it belongs to the server's story.
pub(super) fn note(tx: &mut Tx, from: ServerId, news: &[String]) -> Result<()> {
    let Some(server) = lookup::server(tx, from)?.filter(|_| !news.is_empty()) else {
        return Ok(());
    };
    let about = lookup::server_name(tx, &server)?;
    for text in news {
        tx.text(about.clone(), text.clone());
    }
    tx.event();
    Ok(tx.subject(Subject::Server(from))?)
}

/// Raises or clears the alert of a farm about services that keep ending or ended for good.
pub(in crate::service) fn raise(service: &Service, farm: FarmId) {
    let (ailing, more) = service.observed.ailing_services(farm, None, LOOKED_AT_MAX);
    let named = service.read(&Grant::job("services"), |view| {
        let mut named = Vec::new();
        for (id, said) in &ailing {
            let Some(server) = lookup::server(view, *id)? else { continue };
            if server.status == ServerStatus::Running {
                let name = lookup::server_name(view, &server)?;
                named.extend(
                    said.services.iter().filter_map(in_alert).map(|how| (name.clone(), how)),
                );
            }
        }
        Ok(named)
    });
    let named = match named {
        Ok(named) => named,
        Err(problem) => return tracing::warn!(%problem, "which services keep ending"),
    };
    let all = named.len() + more;
    let mut lines: Vec<String> =
        named.into_iter().take(NAMED_MAX).map(|(name, how)| format!("{name}: {how}")).collect();
    if all > lines.len() && !lines.is_empty() {
        lines.push(format!("and {} more", all - lines.len()));
    }
    let text = format!("a service keeps ending: {}", lines.join("; "));
    let text = (!lines.is_empty()).then_some(text);
    service.observed.set_alert(&alerts::key(alerts::SERVICES, farm), text);
}

/// What an alert says of a service that is not well.
fn in_alert(state: &ServiceState) -> Option<String> {
    let last = state.last_end.as_ref().map(|end| end.how.as_str()).unwrap_or_default();
    let within = state.restarts_lately;
    match TOLD.into_iter().find(|least| within >= *least) {
        _ if state.is_well() => None,
        Some(least) => {
            let lately = ServiceState { restarts_lately: least, ..state.clone() }.lately();
            Some(format!("service {}, at least {lately}; it last {last}", state.name))
        }
        None => Some(format!("service {}, {}; it last {last}", state.name, state.phase.as_str())),
    }
}
