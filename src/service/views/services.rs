//! The services of servers, as people see them.

use crate::base::{FarmId, FarmRoleId, Result};
use crate::model::{FarmRole, Server, ServerStatus};
use crate::service::{Service, lookup};
use crate::store::View;
use crate::wire::service::ServiceView;

/// Servers named in a farm's or a farm role's own row; that there are more is said.
const NAMED_MAX: usize = 10;

/// What its agent said of a server's services, and when it was heard.
pub(super) fn said(service: &Service, server: &Server) -> (Vec<ServiceView>, Option<i64>) {
    let Some(said) = service.observed.services_of(server.id) else { return (Vec::new(), None) };
    let now = service.now();
    let each = said.services.into_iter().map(|state| ServiceView::of(state, now));
    (each.collect(), Some(said.at.0))
}

/// The services that a server has by its role, of which nobody has said anything.
pub(super) fn unsaid(view: &View, server: &Server, role: &FarmRole) -> Result<Vec<ServiceView>> {
    let Some(make) = role.make_of(server.revision).filter(|_| server.agent) else {
        return Ok(Vec::new());
    };
    let revision = lookup::role_revision(view, make.role, make.role_revision)?;
    let services = revision.into_iter().flat_map(|revision| revision.recipe.services);
    Ok(services.map(|service| ServiceView::unknown(service.name)).collect())
}

/// Which servers have a service that is not well, a line each: `web-1: service app ...`.
pub(in crate::service) fn ailments(
    service: &Service,
    view: &View,
    farm: FarmId,
    role: Option<FarmRoleId>,
) -> Result<Vec<String>> {
    let (ailing, more) = service.observed.ailing_services(farm, role, NAMED_MAX);
    let mut lines = Vec::new();
    for (id, said) in ailing {
        let Some(server) = lookup::server(view, id)? else { continue };
        if server.status == ServerStatus::Running {
            let hostname = &server.hostname;
            lines.extend(said.ailments().into_iter().map(|why| format!("{hostname}: {why}")));
        }
    }
    if more > 0 {
        lines.push(format!("and {more} more with services that are not well"));
    }
    Ok(lines)
}
