//! The calls that several cases make.

use super::Do::{self, Call};
use crate::entrance::rights::{There, said};
use grange::base::{FarmRoleId, OrderId, Problem, Result, ServerId};
use grange::model::{Actor, Grant};
use grange::service::agents::orders;
use grange::service::farms::{self, manifests};
use grange::service::lookup;
use grange::service::plans::{holds, rollouts};
use grange::service::servers::{self, commands};
use grange::wire::api::ManifestRequest;
use grange::wire::hold::HoldInput;
use grange::wire::input::{LockInput, Page, RebootInput, ServerFilter, TerminateInput};
use grange::wire::rollout::RolloutVerb;
use std::fmt::Debug;

/// Several answers, one after another; each fault with its field.
pub fn each<T: Debug>(answers: impl IntoIterator<Item = Result<T>>) -> Result<String> {
    let fault = |problem: Problem| {
        let all = problem.each().map(|fault| format!("{:?} {fault}", fault.code));
        all.collect::<Vec<String>>().join("; ")
    };
    let answers: Vec<_> = answers.into_iter().map(|answer| answer.map_err(fault)).collect();
    Ok(format!("{answers:#?}"))
}

/// A hold of a minute.
pub fn hold(what: &str, kind: &str, reason: &str) -> HoldInput {
    let (what, kind, reason) = (what.to_owned(), kind.to_owned(), reason.to_owned());
    HoldInput { what, kind, reason, length: Some(60_000), ..HoldInput::default() }
}

/// Pages of every shape.
pub fn pages<T: Debug>(list: impl Fn(Page) -> Result<T>) -> Result<String> {
    let asked = [(1, 1), (2, 2), (1, 9), (9, 2)];
    each(asked.map(|(number, size)| list(Page { number, size })))
}

/// The server of a host name.
pub fn named(there: &There, name: &str) -> ServerId {
    let all = there.service.read(&Grant::job("test"), lookup::all_servers).unwrap();
    all.into_iter().find(|s| s.hostname == name && s.status.counts()).expect(name).id
}

/// The farm role of an alias.
pub fn role(there: &There, alias: &str) -> FarmRoleId {
    let roles = there
        .service
        .read(&Grant::job("test"), |view| lookup::farm_roles_of(view, there.farm))
        .unwrap();
    roles.into_iter().find(|role| role.alias.as_str() == alias).expect(alias).id
}

/// A manifest of these farm roles.
pub fn shop(roles: &[(&str, &str, u32)], more: &str) -> String {
    let mut manifest = "farm: shop\nfarmRoles:\n".to_owned();
    for (alias, size, count) in roles {
        manifest += &format!(
            "  - alias: {alias}\n    role: web-demo\n    cloudPlatform: simulated\n    \
             instanceType: {size}\n    scaling: {{minInstances: {count}, maxInstances: 4}}\n{more}"
        );
    }
    manifest
}

/// What a manifest would change, what it would stop, and what is behind.
pub fn outlook(there: &There, actor: &Actor, manifest: String, prune: bool) -> Result<String> {
    let input = ManifestRequest { manifest, dry_run: true, prune, ..ManifestRequest::default() };
    said(manifests::apply(there.service, actor, &input))
}

pub const PAUSE: Do = Call(|t, a| said(rollouts::say(t.service, a, t.role, RolloutVerb::Pause)));
pub const RESUME: Do = Call(|t, a| said(rollouts::say(t.service, a, t.role, RolloutVerb::Resume)));
pub const ABORT: Do = Call(|t, a| said(rollouts::say(t.service, a, t.role, RolloutVerb::Abort)));
pub const ROLLBACK: Do =
    Call(|t, a| said(rollouts::say(t.service, a, t.role, RolloutVerb::Rollback)));
pub const ROLLOUT: Do = Call(|t, a| said(rollouts::get(t.service, a, t.role)));
pub const SUSPEND_FARM: Do = Call(|t, a| said(farms::suspend(t.service, a, t.farm)));
pub const RESUME_FARM: Do = Call(|t, a| said(farms::resume(t.service, a, t.farm)));
pub const LAUNCH_FARM: Do = Call(|t, a| said(farms::launch(t.service, a, t.farm)));
pub const LARGER: Do = Call(|t, a| outlook(t, a, shop(&[("web", "large", 2)], ""), false));
pub const FARM: Do = Call(|t, a| said(farms::get(t.service, a, t.farm)));
pub const LIST_SERVERS: Do = Call(|t, a| {
    said(servers::list(t.service, a, &ServerFilter::default(), Page { number: 1, size: 10 }))
});
pub const LOCK: Do = Call(|t, a| {
    let reason = "it is looked at".into();
    said(servers::lock(t.service, a, named(t, "web-1"), &LockInput { reason }))
});
pub const UNLOCK: Do = Call(|t, a| said(servers::unlock(t.service, a, named(t, "web-1"))));
pub const SUSPEND: Do = Call(|t, a| said(servers::suspend(t.service, a, named(t, "web-1"))));
pub const RESUME_SERVER: Do = Call(|t, a| said(servers::resume(t.service, a, named(t, "web-1"))));
pub const REBOOT: Do =
    Call(|t, a| said(servers::reboot(t.service, a, named(t, "web-1"), RebootInput { hard: true })));
pub const ASK_TO_REBOOT: Do = Call(|t, a| {
    said(servers::reboot(t.service, a, named(t, "web-1"), RebootInput { hard: false }))
});
pub const TERMINATE: Do = Call(|t, a| {
    said(servers::terminate(t.service, a, named(t, "web-1"), TerminateInput { force: false }))
});
pub const FORCE: Do = Call(|t, a| {
    said(servers::terminate(t.service, a, named(t, "web-1"), TerminateInput { force: true }))
});
pub const LIST_HOLDS: Do = Call(|t, a| pages(|page| holds::list(t.service, a, page)));
pub const CANCEL: Do = Call(|t, a| said(commands::cancel(t.service, a, OrderId(1))));
pub const EXPIRE_ORDERS: Do = Call(|t, a| said(orders::expire(t.service, a)));
