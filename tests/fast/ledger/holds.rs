//! What is asked of holds and locks.

use super::Case;
use super::Do::{Act, Call};
use super::calls::{LIST_HOLDS, LOCK, TERMINATE, UNLOCK, each, hold};
use crate::entrance::rights::said;
use grange::base::HoldId;
use grange::model::HoldKind;
use grange::service::plans::holds;
use grange::service::servers;
use grange::wire::hold::HoldInput;
use grange::wire::input::LockInput;

/// Every case.
pub const HOLDS: &[Case] = &[
    (
        "holds of every kind, longest first, and one again",
        &[
            Call(|t, a| {
                each(HoldKind::ALL.iter().enumerate().map(|(nth, kind)| {
                    let what = if nth % 2 == 0 { "shop" } else { "shop/web" };
                    holds::place(t.service, a, &hold(what, kind.as_str(), " why "))
                }))
            }),
            LIST_HOLDS,
            Call(|t, a| said(holds::place(t.service, a, &hold("shop", "launch", "again")))),
            Call(|t, a| said(holds::release(t.service, a, HoldId(1)))),
            Call(|t, a| said(holds::release(t.service, a, HoldId(1)))),
            Act("later 60s"),
            Call(|t, a| said(holds::expire(t.service, a))),
            LIST_HOLDS,
        ],
    ),
    (
        "a hold up to its end and after it",
        &[
            Call(|t, a| said(holds::place(t.service, a, &hold("shop/web", "launch", "x")))),
            Act("later 59s"),
            Call(|t, a| said(holds::expire(t.service, a))),
            Act("later 1s"),
            Call(|t, a| said(holds::expire(t.service, a))),
        ],
    ),
    (
        "holds that mean nothing",
        &[Call(|t, a| {
            let bad = |edit: fn(&mut HoldInput)| {
                let mut input = hold("shop", "launch", "x");
                edit(&mut input);
                holds::place(t.service, a, &input)
            };
            let week = 7 * 24 * 3_600_000;
            let at = t.service.now().0;
            let mut all = vec![
                bad(|i| *i = HoldInput::default()),
                bad(|i| i.what = "nobody".into()),
                bad(|i| i.what = "shop/nobody".into()),
                bad(|i| i.what = "a/b/c".into()),
                bad(|i| i.kind = "scaling".into()),
                bad(|i| i.reason = "  ".into()),
                bad(|i| i.reason = "two\nlines".into()),
                bad(|i| i.no_end = true),
                bad(|i| i.length = None),
                bad(|i| i.length = Some(0)),
            ];
            for length in [grange::base::limit::HOLD_LENGTH_MAX + 1, week] {
                let input = HoldInput { length: Some(length), ..hold("shop", "heal", "x") };
                all.push(holds::place(t.service, a, &input));
            }
            for until in [at, at + 1] {
                let input =
                    HoldInput { length: None, until: Some(until), ..hold("shop", "scale", "x") };
                all.push(holds::place(t.service, a, &input));
            }
            each(all)
        })],
    ),
    (
        "locks",
        &[
            Call(|t, a| {
                let lock = |reason: &str| {
                    let reason = reason.into();
                    servers::lock(t.service, a, t.server, &LockInput { reason })
                };
                each([lock(""), lock("two\nlines")])
            }),
            UNLOCK,
            LOCK,
            LOCK,
            TERMINATE,
            UNLOCK,
            UNLOCK,
        ],
    ),
];
