//! The list of cloud accounts.

use super::{Cell, Column, Get, List};
use crate::base::time::say;
use crate::wire::account::AccountView;

/// Cloud accounts.
pub const CLOUDS: List<AccountView> =
    List { of: "clouds", columns: COLUMNS, name: |account| account.name.clone() };

type This = Column<AccountView>;

const COLUMNS: &[This] = &[
    This::new("cloud", "Its name", Get::Text(|account| Some(account.name.clone()))),
    This::new("platform", "Its platform", Get::Text(|account| Some(account.platform.clone()))),
    This::new(
        "state",
        "well, failing, open (left alone), trial (one call decides), elsewhere or awaited (lease)",
        Get::Text(|account| Some(account.state.clone())),
    )
    .shown(state)
    .one_of(|| vec!["well", "failing", "open", "trial", "elsewhere", "awaited"]),
    This::new(
        "failed",
        "Calls that failed in a row",
        Get::Count(|account| Some(account.failures.into())),
    ),
    This::new(
        "steps left",
        "Steps that may begin at once, of those in a minute",
        Get::Count(|account| Some(account.steps_left.into())),
    )
    .shown(|account| Cell::from(format!("{} of {}", account.steps_left, account.steps_per_minute))),
    This::new("the last said", "What the last failure was", Get::Text(|a| a.reason.clone())),
    This::new("endpoint", "Where it is", Get::Text(|account| Some(account.endpoint.clone())))
        .wide(),
    This::new("since", "When the first of them failed", Get::Moment(|a| a.since)).wide(),
    This::new("until", "Until when it is left alone", Get::Moment(|a| a.open_until)).wide(),
];

fn state(account: &AccountView) -> Cell {
    Cell::from(match account.state.as_str() {
        "well" | "failing" => account.state.clone(),
        "open" => format!("left alone for {}", say(account.left.unwrap_or(0))),
        "elsewhere" => {
            format!("managed by {}", account.lease.holder.as_deref().unwrap_or_default())
        }
        "awaited" => "lease not held".to_owned(),
        _ => "tried with one call".to_owned(),
    })
}
