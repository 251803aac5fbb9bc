//! API inputs: what people send, and how they choose what a list shows.
//!
//! Beside [`crate::wire::api`], which has what they get back. Bodies refuse unknown fields, so
//! that a misspelt one is told instead of ignored; an absent field of a change means "as it is".

use crate::base::{FarmId, FarmRoleId, Millis, Secret, ServerId, VolumeId};
use crate::model::ServerStatus;
use crate::wire::api::EventView;
use crate::wire::role::RoleUseView;
use serde::{Deserialize, Serialize};

/// Body of a farm's creation (`name` is required) and of its change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FarmInput {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `simultaneous` or `sequential`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch_order: Option<String>,
}

/// Body of a change to a farm role's range.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScalingInput {
    /// Whether the rules apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Never fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_instances: Option<u32>,
    /// Never more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_instances: Option<u32>,
}

/// Body of the terminate actions, of farms and of servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TerminateInput {
    /// Do not leave it time to finish what it does.
    pub force: bool,
}

/// Body of the reboot action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RebootInput {
    /// By the cloud instead of by the server's own agent.
    pub hard: bool,
}

/// Body of the lock action.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LockInput {
    /// Why, in a person's words.
    pub reason: String,
}

/// Body of an action without options: `{}` or nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoInput {}

/// Body of a rollback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RollbackInput {
    /// The number of the revision that is declared once more; the one before without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
}

/// Body of a token's creation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct TokenInput {
    /// What it is for.
    pub description: String,
    /// Valid for this long; [`crate::base::limit::TOKEN_LIFE`] without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_in_ms: Option<Millis>,
}

/// A token just created: the one moment its text is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenView {
    /// Its number.
    pub id: u64,
    /// Its text.
    #[serde(serialize_with = "Secret::expose")]
    pub token: Secret,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Until when, ms UTC.
    #[serde(default)]
    pub expires_at: Option<i64>,
}

/// A token as lists show it: everything but its text, which nobody has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TokenInfo {
    /// Its number.
    pub id: u64,
    /// Whom it acts as.
    pub user: String,
    /// What it is for.
    pub description: String,
    /// Since when, ms UTC.
    pub created_at: i64,
    /// Until when, ms UTC; one made before tokens ended by themselves has no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    /// Whether it is over: nobody comes in with it any more.
    pub ended: bool,
}

/// Who is asking, as the appliance sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WhoView {
    /// The user's number.
    pub user: u64,
    /// Their name.
    pub name: String,
    /// The environment.
    pub environment: u64,
    /// `socket` or `https`.
    pub door: String,
    /// What they may do, as `farms_read`.
    pub permissions: Vec<String>,
}

/// A role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RoleView {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// One line on what it does.
    pub description: String,
    /// What Grange configures on it, as `haproxy`.
    pub builtin_automation: Vec<String>,
    /// What Scalr has no word for.
    pub grange: RoleExtra,
}

/// More of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RoleExtra {
    /// For `If-Match`.
    pub revision: u64,
    /// The revision of what it says that farm roles declared now get.
    pub role_revision: u64,
    /// Shipped with the appliance.
    pub built_in: bool,
    /// Platforms it has an image for.
    pub platforms: Vec<String>,
    /// Who made it.
    pub created_by: String,
    /// When, ms UTC; 0 when that is not known.
    pub created_at: i64,
    /// The farm roles that use it, by name.
    pub used_by: Vec<RoleUseView>,
}

/// Which page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// From 1.
    pub number: usize,
    /// Rows of a page, 1 to [`crate::base::limit::API_PAGE_MAX`].
    pub size: usize,
}

impl Page {
    /// Rows before this page.
    pub fn skip(self) -> usize {
        self.number.saturating_sub(1).saturating_mul(self.size)
    }
}

/// One page of a list, and how long the whole list is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slice<T> {
    /// The page's rows.
    pub items: Vec<T>,
    /// Rows of all pages.
    pub total: usize,
}

impl<T> Slice<T> {
    /// Cuts a page out of the whole list.
    pub fn cut(all: impl IntoIterator<Item = T>, page: Page) -> Slice<T> {
        let (mut items, mut total) = (Vec::new(), 0);
        for item in all {
            if total >= page.skip() && items.len() < page.size {
                items.push(item);
            }
            total += 1;
        }
        Slice { items, total }
    }

    /// The same page with every row turned into something else.
    pub fn map<U>(self, to: impl FnMut(T) -> U) -> Slice<U> {
        Slice { items: self.items.into_iter().map(to).collect(), total: self.total }
    }
}

/// Which farms a list shows; `None` is any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FarmFilter {
    /// Its number.
    pub id: Option<FarmId>,
    /// Its name, whole.
    pub name: Option<String>,
    /// `simultaneous` or `sequential`.
    pub launch_order: Option<String>,
    /// Its status as the view says it.
    pub status: Option<String>,
}

/// Which farm roles a list shows; `None` is any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FarmRoleFilter {
    /// Its number.
    pub id: Option<FarmRoleId>,
    /// Its alias, whole.
    pub alias: Option<String>,
    /// The role's number.
    pub role: Option<u64>,
    /// The platform.
    pub cloud_platform: Option<String>,
    /// Where on it.
    pub cloud_location: Option<String>,
}

/// Which servers a list shows; `None` is any, except that servers confirmed gone are shown only
/// when `status` asks for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerFilter {
    /// Its UUID.
    pub id: Option<ServerId>,
    /// Its host name, as `web-3`.
    pub hostname: Option<String>,
    /// Its index in the farm role.
    pub index: Option<u32>,
    /// Its status.
    pub status: Option<ServerStatus>,
    /// The farm.
    pub farm: Option<FarmId>,
    /// The farm role.
    pub farm_role: Option<FarmRoleId>,
    /// The platform.
    pub cloud_platform: Option<String>,
    /// Where on it.
    pub cloud_location: Option<String>,
    /// The platform's id for it.
    pub cloud_server_id: Option<String>,
    /// The size.
    pub instance_type: Option<String>,
}

/// Which volumes a list shows; `None` is any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VolumeFilter {
    /// Its number.
    pub id: Option<VolumeId>,
    /// The name of its farm, which may be gone.
    pub farm: Option<String>,
    /// The alias of its farm role, which may be gone.
    pub alias: Option<String>,
    /// The index of its server.
    pub index: Option<u32>,
    /// The platform.
    pub cloud_platform: Option<String>,
    /// What it is, one of [`crate::wire::volume::STATUSES`].
    pub status: Option<String>,
}

/// Which roles a list shows; `None` is any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleFilter {
    /// Its number.
    pub id: Option<u64>,
    /// Its name, whole.
    pub name: Option<String>,
}

/// Which journal entries to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventsQuery {
    /// Entries later than this, oldest first. Without it: the last `max` there are, oldest first.
    pub after: Option<u64>,
    /// At most so many.
    pub max: usize,
    /// Only about this or what is under it: `shop` takes `shop/web` and `shop/web-3` along.
    pub about: Option<String>,
    /// Only those with all these words: the last `max` of them, oldest first.
    pub search: Option<String>,
}

/// Whether something is what a query is about, or under it: `shop/web` and `shop/web-3` are under
/// `shop`, and `shop/web-3` is under `shop/web`; `shop-2` and `shop/web-admin` are under neither.
pub fn is_under(one: &str, about: &str) -> bool {
    let Some(rest) = one.strip_prefix(about) else { return false };
    let index = rest.strip_prefix('-').filter(|_| about.contains('/'));
    let numbered = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    rest.is_empty() || rest.starts_with('/') || index.is_some_and(numbered)
}

/// Journal entries, and how far the journal was read for them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventsSlice {
    /// The entries, oldest first.
    pub events: Vec<EventView>,
    /// The last entry looked at, shown or not: where the next query goes on.
    pub seq: u64,
    /// Entries right after the one asked for are no longer kept: the first that is. Who keeps
    /// something made of entries has to start over.
    pub start_over: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_cut_out_of_the_whole() {
        let check = |number, size, expected: &[u32]| {
            let slice = Slice::cut(1..=5, Page { number, size });
            assert_eq!((slice.items.as_slice(), slice.total), (expected, 5));
        };
        check(1, 2, &[1, 2]);
        check(2, 2, &[3, 4]);
        check(3, 2, &[5]);
        check(4, 2, &[]);
        check(usize::MAX, 100, &[]);
    }

    #[test]
    fn what_only_begins_alike_is_not_under_it() {
        let check = |about: &str, under: &[&str], not: &[&str]| {
            assert!(under.iter().all(|one| is_under(one, about)), "{about}: {under:?}");
            assert!(!not.iter().any(|one| is_under(one, about)), "{about}: {not:?}");
        };
        check(
            "shop",
            &["shop", "shop/web", "shop/web-3"],
            &["shop-2", "shopping", "sho", "a/shop"],
        );
        let others = ["shop/web-admin", "shop/web-admin-1", "shop/webs", "shop/we", "shop/web-"];
        check("shop/web", &["shop/web", "shop/web-3"], &others);
        check("shop/web-1", &["shop/web-1"], &["shop/web-12", "shop/web"]);
    }

    #[test]
    fn unknown_fields_are_refused_by_name() {
        let error = serde_json::from_str::<FarmInput>(r#"{"nmae":"shop"}"#).unwrap_err();
        assert!(error.to_string().contains("nmae"), "{error}");
    }
}
