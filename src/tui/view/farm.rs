//! One farm: how it is, its farm roles, its servers.

use super::farms::badge;
use super::pen::{Line, Pen, bar};
use super::table::{self, Body, Column};
use super::{absent, frame, role, servers};
use crate::tui::state::State;
use crate::tui::text::{count, is_stopped, width};
use crate::tui::theme::{Signs, Tone, rollout_badge};
use crate::wire::api::{FarmRoleView, FarmView};
use crate::wire::rollout::RolloutView;
use ratatui::layout::Rect;

/// Holds that have a line of their own; `w` has all of them.
const HOLDS_SHOWN: usize = 3;
/// Notes that have a line of their own, the latest first; `w` has all of them.
const NOTES_SHOWN: usize = 2;
/// Rollouts that have a line of their own; each has the page of its farm role (`v`).
const ROLLOUTS_SHOWN: usize = 3;

/// Draws the page.
pub fn draw(state: &State, id: u64, area: Rect, pen: &mut Pen) {
    let Some(farm) = state.farm(id) else {
        let line = match &state.data.farms {
            None => absent(state),
            Some(_) => vec![("This farm is gone.".to_owned(), Tone::Dim)],
        };
        pen.line(area.x + 2, area.y + 1, area.width.saturating_sub(2), &line);
        return;
    };
    if !frame::roomy(Rect { height: area.height + 4, ..area }) {
        return small(state, farm, area, pen);
    }
    let summary = summary(state, farm);
    let roles = state.data.roles.get(&id).map_or(&[] as &[FarmRoleView], Vec::as_slice);
    // The roles get what they need, up to half of the page; the servers get the rest.
    let wanted = u16::try_from(roles.len() + 1).unwrap_or(u16::MAX);
    let top = u16::try_from(summary.len()).unwrap_or(0);
    let roles_height = wanted.min((area.height / 2).saturating_sub(top)).max(2);
    pen.lines(Rect { height: top.min(area.height), ..area }, &summary, 0);
    let roles_area = Rect { y: area.y + top, height: roles_height, ..area };
    draw_roles(state, roles, roles_area.intersection(area), pen);
    let y = roles_area.bottom() + 1;
    let rest = Rect { y, height: area.bottom().saturating_sub(y), ..area };
    servers::list(state, rest, pen, !state.page().on_roles);
}

/// Where there is no room for both tables: the one that has the focus.
fn small(state: &State, farm: &FarmView, area: Rect, pen: &mut Pen) {
    if !state.page().on_roles {
        return servers::list(state, area, pen, true);
    }
    let roles = state.data.roles.get(&farm.id).map_or(&[] as &[FarmRoleView], Vec::as_slice);
    draw_roles(state, roles, area, pen);
}

fn summary(state: &State, farm: &FarmView) -> Vec<Line> {
    let badge = badge(state, farm);
    let mut first: Line = vec![
        (format!("  {} {}", badge.sign, badge.word), badge.tone),
        (format!("   {} of ", farm.grange.running), Tone::Plain),
        (count(u64::from(farm.grange.target), "server"), Tone::Plain),
    ];
    if farm.grange.unhealthy > 0 {
        first.push((format!("   {} unhealthy", farm.grange.unhealthy), Tone::Bad));
    }
    if farm.grange.plan > 0 {
        first.push((format!("   plan {}", farm.grange.plan), Tone::Dim));
    }
    first.push((format!("   {} launch", farm.launch_order), Tone::Dim));
    if !farm.description.is_empty() {
        first.push((format!("   {}", farm.description), Tone::Dim));
    }
    let mut lines = vec![first];
    if let Some(why) = &farm.grange.freeze {
        lines.push(vec![(format!("  {} frozen: {why}", state.signs.bad), Tone::Bad)]);
    }
    for held in farm.grange.holds.iter().take(HOLDS_SHOWN) {
        lines.push(vec![(format!("  {} held: {held}", state.signs.item), Tone::Busy)]);
    }
    for note in farm.grange.notes.iter().rev().take(NOTES_SHOWN) {
        lines.push(vec![
            (format!("  {} note by {}: ", state.signs.item, note.by), Tone::Dim),
            (note.text.clone(), Tone::Plain),
        ]);
    }
    if is_stopped(&farm.status) {
        let now = if farm.status == "suspended" { "are shut down" } else { "shut down" };
        let text = format!("  {} its servers {now} and are kept; S starts it", state.signs.item);
        lines.push(vec![(text, Tone::Warn)]);
    }
    let roles = state.data.roles.get(&farm.id).into_iter().flatten();
    let rolled = roles.filter_map(|view| Some((view, view.grange.rollout.as_ref()?)));
    for (view, rollout) in rolled.take(ROLLOUTS_SHOWN) {
        lines.push(role::line(state, &view.alias, rollout));
    }
    if let Some(waiting) = farm.grange.waiting.first() {
        let more = match farm.grange.waiting.len() {
            0 | 1 => String::new(),
            all => format!("  (+{}; w says all)", all - 1),
        };
        lines.push(vec![
            (format!("  {} waits for ", state.signs.item), Tone::Dim),
            (waiting.clone(), Tone::Plain),
            (more, Tone::Dim),
        ]);
    }
    lines.push(Vec::new());
    lines
}

fn draw_roles(state: &State, roles: &[FarmRoleView], area: Rect, pen: &mut Pen) {
    if roles.is_empty() {
        let line = vec![("No farm roles.".to_owned(), Tone::Dim)];
        pen.line(area.x + 2, area.y, area.width.saturating_sub(2), &line);
        return;
    }
    let names = roles.iter().map(|role| width(&role.alias)).max().unwrap_or(4).clamp(9, 24);
    let columns = [
        Column::new("Farm role", u16::try_from(names).unwrap_or(24), 9),
        Column::new("Role", 12, 3),
        Column::new("Running", 7, 8).right(),
        Column::new("Range", 8, 6).right(),
        Column::new("Fill", 10, 5),
        Column::new("Scales by, waits for", 22, 4).grows(),
    ];
    let page = state.page();
    let body = Body { count: roles.len(), selected: Some(page.role_at), focused: page.on_roles };
    table::draw(pen, area, &columns, body, |row, column| {
        let Some(role) = roles.get(row) else { return (String::new(), Tone::Plain) };
        let (min, max) = (role.scaling.min_instances, role.scaling.max_instances);
        match column {
            0 => (role.alias.clone(), Tone::Plain),
            1 => (role.role.name.clone(), Tone::Dim),
            2 => {
                let short = role.grange.running != role.grange.target;
                let tone = match role.grange.unhealthy {
                    0 if short => Tone::Busy,
                    0 => Tone::Plain,
                    1.. => Tone::Bad,
                };
                (format!("{}/{}", role.grange.running, role.grange.target), tone)
            }
            3 => (format!("{min}..{max}"), Tone::Dim),
            4 => {
                let share = f64::from(role.grange.running) / f64::from(max.max(1)) * 100.0;
                (bar(&state.signs, share, 10), Tone::Accent)
            }
            _ => says(state.signs, role),
        }
    });
}

/// What it waits for; else the rules it scales by; else that it balances; else nothing.
fn says(signs: Signs, role: &FarmRoleView) -> (String, Tone) {
    let extra = &role.grange;
    if let Some(held) = extra.holds.first() {
        return (format!("held: {held}"), Tone::Busy);
    }
    if let Some(rollout) = &extra.rollout {
        let RolloutView { state, ready, of, to, .. } = rollout.as_ref();
        let badge = rollout_badge(&signs, state);
        let text = format!("revision {to} {}, {ready} of {of} at {}", badge.word, rollout.wanted());
        return (text, badge.tone);
    }
    if let Some(waiting) = extra.waiting.first() {
        // At its minimum a farm role is as calm as can be.
        let calm = waiting.starts_with("at the minimum");
        return (waiting.clone(), if calm { Tone::Dim } else { Tone::Busy });
    }
    if let Some(balances) = &extra.balances {
        return (format!("balances {balances}"), Tone::Dim);
    }
    (extra.rules.join("; "), Tone::Dim)
}
