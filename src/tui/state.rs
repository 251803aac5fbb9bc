//! All a session knows: pages, selection, data with its age. No terminal types, no IO.

use super::catalogue::{Catalogue, Noun};
use super::effect::Want;
use super::keymap::{Scope, Verb};
use super::rows::{Rows, Sort};
use super::source::Action;
use super::theme::{Signs, Theme};
use crate::base::Millis;
use crate::wire::account::AccountView;
use crate::wire::api::{
    EventView, ExplainView, FarmRoleView, FarmView, SeriesView, ServerView, StatusView,
};
use crate::wire::rollout::RolloutView;
use std::collections::{BTreeMap, VecDeque};

/// Events kept for the events page: a screen of 40 rows fifty times over, under 1 MiB.
pub const EVENTS_MAX: usize = 2000;
/// CPU readings kept per server for its sparkline: ten cells, 16 bytes each.
pub const HISTORY_MAX: usize = 10;
/// Readings change every 10 s without a journal entry, so what is shown is fetched that often.
pub const REFRESH_PERIOD: Millis = 10_000;
/// A message stays this long.
pub const MESSAGE_PERIOD: Millis = 8_000;

/// What a page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// All farms.
    Farms,
    /// One farm by number, with its roles and servers.
    Farm(u64),
    /// One farm role by its farm's number and its own: its rollout, its revisions.
    Role(u64, u64),
    /// All servers.
    Servers,
    /// One server by id, or by name when a person typed one.
    Server(String),
    /// The journal; about one thing, or everything when empty.
    Events(String),
    /// Why something is as it is.
    Why(String),
    /// What a server prints, by its name.
    Log(String),
    /// The appliance.
    Status,
    /// All roles, variables or cloud accounts.
    Catalogue(Noun),
    /// One of these by name.
    Entry(Noun, String),
    /// The keys of the page below.
    Help(Scope),
}

impl Place {
    /// Its name in the keymap.
    pub fn scope(&self) -> Scope {
        match self {
            Place::Farms => Scope::Farms,
            Place::Farm(_) => Scope::Farm,
            Place::Role(..) => Scope::Role,
            Place::Servers => Scope::Servers,
            Place::Server(_) => Scope::Server,
            Place::Events(_) => Scope::Events,
            Place::Why(_) => Scope::Why,
            Place::Log(_) => Scope::Log,
            Place::Status => Scope::Status,
            Place::Catalogue(_) => Scope::Catalogue,
            Place::Entry(..) => Scope::Entry,
            Place::Help(_) => Scope::Help,
        }
    }
}

/// One page of the way we came.
#[derive(Clone, Debug)]
pub struct Page {
    /// What it shows.
    pub place: Place,
    /// Index of the selected line among the shown; lines scrolled where nothing is selected.
    pub at: usize,
    /// The selected thing's id, so that the selection stays on it when lines move.
    pub id: Option<String>,
    /// Only lines with this text; `!text` only those without.
    pub filter: String,
    /// Order.
    pub sort: Sort,
    /// On a farm: the farm roles have the focus.
    pub on_roles: bool,
    /// On a farm: the selected farm role.
    pub role_at: usize,
    /// On a farm: only servers of this farm role.
    pub only_role: Option<u64>,
}

impl Page {
    /// A page as it is first shown.
    pub fn new(place: Place) -> Page {
        Page {
            place,
            at: 0,
            id: None,
            filter: String::new(),
            sort: Sort::Name,
            on_roles: false,
            role_at: 0,
            only_role: None,
        }
    }
}

/// A line being typed, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Keys go to the page.
    None,
    /// `/`: the page's filter.
    Filter,
    /// `:`: a command and the selected suggestion.
    Palette {
        /// What is typed.
        text: String,
        /// Which suggestion is marked.
        at: usize,
    },
    /// A question before something that cannot be taken back.
    Confirm(Confirm),
}

/// The question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirm {
    /// What happens on the right answer.
    pub action: Action,
    /// What would happen, in a sentence or two.
    pub question: String,
    /// What must be typed: `y`, or the farm's name.
    pub answer: String,
    /// What is typed.
    pub typed: String,
}

/// What the appliance told us last. `None` is "not yet".
#[derive(Clone, Debug, Default)]
pub struct Data {
    /// The appliance.
    pub status: Option<StatusView>,
    /// All farms.
    pub farms: Option<Vec<FarmView>>,
    /// Farm roles by farm.
    pub roles: BTreeMap<u64, Vec<FarmRoleView>>,
    /// The rollout of the farm role page, and of which farm role.
    pub rollout: Option<(u64, RolloutView)>,
    /// Cloud accounts.
    pub accounts: Vec<AccountView>,
    /// Servers, and of which farm.
    pub servers: Option<(Option<u64>, Vec<ServerView>)>,
    /// The server of the server page, and what it was asked by.
    pub server: Option<(String, ServerView)>,
    /// Its readings.
    pub series: Vec<SeriesView>,
    /// Why, and what was asked.
    pub explain: Option<(String, ExplainView)>,
    /// The last lines of a server's logs, and which server's.
    pub log: Option<(String, Vec<String>)>,
    /// What a list page shows, and of what.
    pub catalogue: Option<(Noun, Catalogue)>,
    /// The journal's end, oldest first.
    pub events: VecDeque<EventView>,
    /// Whether the journal has been read at all.
    pub events_read: bool,
    /// Last CPU readings by server.
    pub history: BTreeMap<String, VecDeque<(i64, f64)>>,
}

/// Whether the appliance answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// Nothing has come yet.
    Opening,
    /// It answers.
    Up,
    /// It does not since this tick, and why.
    Lost {
        /// The tick of the first failure.
        since: Millis,
        /// One line.
        why: String,
    },
}

/// Fetching: one at a time, and never more than a quarter of the time.
#[derive(Clone, Debug, Default)]
pub struct Fetching {
    /// One is under way.
    pub busy: bool,
    /// Something changed since it began.
    pub again: bool,
    /// Not before this tick.
    pub not_before: Millis,
    /// Fetch at this tick at the latest.
    pub due: Millis,
}

/// Everything.
#[derive(Clone, Debug)]
pub struct State {
    /// Columns and rows.
    pub size: (u16, u16),
    /// Milliseconds since the session began.
    pub tick: Millis,
    /// What to add to a tick for the appliance's clock, ms UTC.
    pub clock_offset: i64,
    /// The way we came; never empty, the last is shown.
    pub pages: Vec<Page>,
    /// A line being typed.
    pub input: Input,
    /// What the appliance told us.
    pub data: Data,
    /// The lines of the shown page, after filter and order.
    pub rows: Rows,
    /// Whether it answers.
    pub link: Link,
    /// One line for the person, until this tick, and whether it is bad news.
    pub message: Option<(String, Millis, bool)>,
    /// When to fetch.
    pub fetching: Fetching,
    /// The screen is left for plain text; any key comes back.
    pub away: bool,
    /// Nothing that changes anything.
    pub read_only: bool,
    /// Signs.
    pub signs: Signs,
    /// Colours.
    pub theme: Theme,
}

impl State {
    /// A session on its first page.
    pub fn new(size: (u16, u16), signs: Signs, theme: Theme, read_only: bool) -> State {
        State {
            size,
            tick: 0,
            clock_offset: 0,
            pages: vec![Page::new(Place::Farms)],
            input: Input::None,
            data: Data::default(),
            rows: Rows::default(),
            link: Link::Opening,
            message: None,
            fetching: Fetching::default(),
            away: false,
            read_only,
            signs,
            theme,
        }
    }

    /// The shown page.
    pub fn page(&self) -> &Page {
        // `pages` starts with one and `back` never takes the last.
        &self.pages[self.pages.len() - 1]
    }

    /// The shown page, to change.
    pub fn page_mut(&mut self) -> &mut Page {
        let last = self.pages.len() - 1;
        &mut self.pages[last]
    }

    /// The appliance's time, ms UTC.
    pub fn now(&self) -> i64 {
        self.clock_offset.saturating_add(i64::try_from(self.tick).unwrap_or(i64::MAX))
    }

    /// What the shown page needs. Farms are always there, for the palette.
    pub fn wants(&self) -> Vec<Want> {
        let mut wants = Vec::new();
        match &self.page().place {
            Place::Farm(id) => {
                wants.extend([Want::FarmRoles(*id), Want::Servers(Some(*id))]);
            }
            Place::Role(farm, role) => {
                wants.extend([Want::FarmRoles(*farm), Want::Rollout(*role)]);
            }
            Place::Status => wants.push(Want::Accounts),
            Place::Servers => wants.push(Want::Servers(None)),
            Place::Server(id) => {
                wants.extend([Want::Server(id.clone()), Want::Series(id.clone())]);
            }
            Place::Why(what) => wants.push(Want::Explain(what.clone())),
            Place::Log(server) => wants.push(Want::Log(server.clone())),
            Place::Catalogue(noun) => wants.push(Want::Catalogue(*noun)),
            Place::Entry(noun, name) => wants.extend(noun.wants(name)),
            Place::Farms | Place::Events(_) | Place::Help(_) => {}
        }
        wants.extend([Want::Farms, Want::Status]);
        wants
    }

    /// How long the runner may sleep before something here is due.
    pub fn sleep_at_most(&self) -> Millis {
        let until = |tick: Millis| tick.saturating_sub(self.tick).max(20);
        let mut at_most = 1000;
        if !self.fetching.busy {
            let start = if self.fetching.again {
                self.fetching.not_before
            } else {
                self.fetching.due.max(self.fetching.not_before)
            };
            at_most = at_most.min(until(start));
        }
        at_most
    }

    /// A farm by number.
    pub fn farm(&self, id: u64) -> Option<&FarmView> {
        self.data.farms.as_ref()?.iter().find(|farm| farm.id == id)
    }

    /// The selected farm: the line on farms, the shown one on a farm.
    pub fn selected_farm(&self) -> Option<&FarmView> {
        match self.page().place {
            Place::Farms => {
                let at = *self.rows.shown.get(self.page().at)?;
                self.data.farms.as_ref()?.get(at)
            }
            Place::Farm(id) | Place::Role(id, _) => self.farm(id),
            _ => None,
        }
    }

    /// The selected server: the line in a list, the shown one on its page.
    pub fn selected_server(&self) -> Option<&ServerView> {
        let page = self.page();
        match &page.place {
            Place::Farm(_) if page.on_roles => None,
            Place::Farm(_) | Place::Servers => {
                let at = *self.rows.shown.get(page.at)?;
                self.shown_servers().get(at)
            }
            Place::Server(id) => self.shown_server(id),
            _ => None,
        }
    }

    /// The server of a server page, once it came; else what a list knew of it.
    pub fn shown_server(&self, id: &str) -> Option<&ServerView> {
        match &self.data.server {
            Some((asked, server)) if asked == id => Some(server),
            _ => {
                let (_, servers) = self.data.servers.as_ref()?;
                servers.iter().find(|s| s.id == id || s.grange.name == id)
            }
        }
    }

    /// The selected farm role of a farm page, or the shown one.
    pub fn selected_role(&self) -> Option<&FarmRoleView> {
        let page = self.page();
        match page.place {
            Place::Farm(farm) => self.data.roles.get(&farm)?.get(page.role_at),
            Place::Role(farm, role) => self.role(farm, role),
            _ => None,
        }
    }

    /// A farm role by its farm's number and its own.
    pub fn role(&self, farm: u64, role: u64) -> Option<&FarmRoleView> {
        self.data.roles.get(&farm)?.iter().find(|view| view.id == role)
    }

    /// The farm role that keys about rollouts mean, and its farm: the shown or selected one, or
    /// that of the selected server.
    pub fn role_meant(&self) -> Option<(u64, u64)> {
        if let Some(server) = self.selected_server() {
            return Some((server.farm.id, server.farm_role.id));
        }
        self.selected_role().map(|role| (role.farm.id, role.id))
    }

    /// The rollout of a farm role, where there is one, as it was read last.
    pub fn rollout(&self, farm: u64, role: u64) -> Option<&RolloutView> {
        match &self.data.rollout {
            Some((of, rollout)) if *of == role && self.page().place == Place::Role(farm, role) => {
                Some(rollout)
            }
            _ => self.role(farm, role)?.grange.rollout.as_deref(),
        }
    }

    /// Whether a key would do something just now, so that it is worth a place in the footer.
    pub fn can(&self, verb: Verb) -> bool {
        self.has_meant(verb) && self.can_here(verb)
    }

    /// Whether there is something that a key could be about.
    fn has_meant(&self, verb: Verb) -> bool {
        let on_list = match &self.page().place {
            Place::Farms => self.selected_farm().is_some(),
            Place::Farm(_) if self.page().on_roles => self.selected_role().is_some(),
            Place::Farm(_) | Place::Servers => self.selected_server().is_some(),
            Place::Events(_) => self.subject().is_some(),
            Place::Catalogue(_) => self.selected_entry().is_some(),
            _ => true,
        };
        match verb {
            Verb::Open => on_list,
            Verb::Why => self.subject().is_some(),
            Verb::Launch | Verb::Stop => self.selected_farm().is_some(),
            Verb::Terminate => self.selected_server().is_some() || self.selected_farm().is_some(),
            Verb::Reboot | Verb::Lock | Verb::Log => self.selected_server().is_some(),
            Verb::Role => self.role_meant().is_some(),
            Verb::Hold | Verb::Release => {
                self.selected_server().is_some() || self.subject().is_some()
            }
            _ => true,
        }
    }

    fn can_here(&self, verb: Verb) -> bool {
        let place = &self.page().place;
        let rollout = match place {
            Place::Role(farm, role) => self.rollout(*farm, *role),
            Place::Status => {
                return !matches!(verb, Verb::Account | Verb::Why) || self.alone().is_some();
            }
            Place::Catalogue(Noun::Variables) | Place::Entry(Noun::Variables, _) => {
                return !matches!(verb, Verb::Why | Verb::Events);
            }
            _ => return true,
        };
        let state = rollout.map_or("none", |rollout| rollout.state.as_str());
        match verb {
            Verb::Rollback => rollout.is_some_and(|rollout| rollout.revisions.len() > 1),
            Verb::Pause => matches!(state, "rolling" | "checkpoint"),
            Verb::Resume => !matches!(state, "none" | "rolling"),
            Verb::Abort => matches!(state, "rolling" | "checkpoint" | "paused" | "failed"),
            _ => true,
        }
    }

    /// The first cloud account that does not answer well.
    pub fn alone(&self) -> Option<&AccountView> {
        self.data.accounts.iter().find(|account| account.state != "well")
    }

    /// The name of a farm role, as `shop/web`.
    pub fn role_name(&self, farm: u64, role: u64) -> Option<String> {
        Some(format!("{}/{}", self.farm(farm)?.name, self.role(farm, role)?.alias))
    }

    /// The servers of the shown page, unfiltered; empty while those of another page are here.
    pub fn shown_servers(&self) -> &[ServerView] {
        let of = match self.page().place {
            Place::Farm(id) => Some(id),
            _ => None,
        };
        match &self.data.servers {
            Some((farm, servers)) if *farm == of => servers,
            _ => &[],
        }
    }

    /// The selected event.
    pub fn selected_event(&self) -> Option<&EventView> {
        let page = self.page();
        matches!(page.place, Place::Events(_)).then_some(())?;
        self.data.events.get(*self.rows.shown.get(page.at)?)
    }

    /// What `w` and `e` are about: `shop`, `shop/web`, `shop/web-3`.
    pub fn subject(&self) -> Option<String> {
        match &self.page().place {
            Place::Farms => Some(self.selected_farm()?.name.clone()),
            Place::Role(farm, role) => self.role_name(*farm, *role),
            Place::Farm(_) if self.page().on_roles => {
                let farm = self.selected_farm()?.name.clone();
                Some(format!("{farm}/{}", self.selected_role()?.alias))
            }
            Place::Farm(_) => match self.selected_server() {
                Some(server) => Some(server.grange.name.clone()),
                None => Some(self.selected_farm()?.name.clone()),
            },
            Place::Servers | Place::Server(_) => Some(self.selected_server()?.grange.name.clone()),
            Place::Events(_) => {
                Some(self.selected_event()?.about.clone()).filter(|about| !about.is_empty())
            }
            Place::Why(what) | Place::Log(what) => Some(what.clone()),
            Place::Catalogue(_) | Place::Entry(..) => {
                let (noun, name) = self.selected_entry()?;
                noun.subject(name)
            }
            Place::Status => self.alone().map(|account| format!("cloud {}", account.name)),
            Place::Help(_) => None,
        }
    }
}
