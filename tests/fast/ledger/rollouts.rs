//! What is asked of rollouts and manifests.

use super::Case;
use super::Do::{Act, Call, Told};
use super::calls::{ABORT, FARM, LARGER, PAUSE, RESUME, ROLLBACK, ROLLOUT, outlook, shop};
use crate::entrance::rights::said;
use grange::service::farms::manifests;
use grange::wire::api::ManifestRequest;

/// Every case.
pub const ROLLOUTS: &[Case] = &[
    ("rollouts: none is under way", &[ROLLOUT, PAUSE, RESUME, ABORT, ROLLBACK]),
    (
        "rollouts: one is",
        &[
            Act("brisk"),
            Act("apply 2 4 large"),
            ROLLOUT,
            PAUSE,
            Act("tick"),
            ROLLOUT,
            PAUSE,
            RESUME,
            Act("tick"),
            LARGER,
            ABORT,
            Told("tick"),
            ROLLOUT,
            LARGER,
            PAUSE,
            Act("settle"),
            ROLLOUT,
            LARGER,
            RESUME,
            Act("settle"),
            ROLLOUT,
            ROLLBACK,
            ROLLOUT,
        ],
    ),
    (
        "rollouts: one is over",
        &[
            Act("brisk"),
            Act("apply 2 4 large"),
            Act("settle"),
            Act("settle"),
            ROLLOUT,
            PAUSE,
            ABORT,
            ROLLBACK,
            Act("settle"),
            ROLLOUT,
            ROLLBACK,
        ],
    ),
    (
        "rollouts: one failed",
        &[
            Act("brisk"),
            Act("mute"),
            Act("apply 2 4 large"),
            Act("tick"),
            Act("later 30m"),
            Told("tick"),
            ROLLOUT,
            LARGER,
            PAUSE,
            RESUME,
            ROLLOUT,
        ],
    ),
    (
        "outlooks of every kind of change",
        &[
            Call(|t, a| outlook(t, a, shop(&[("web", "small", 2)], ""), false)),
            Call(|t, a| outlook(t, a, shop(&[("web", "small", 1)], ""), false)),
            Call(|t, a| outlook(t, a, shop(&[("web", "small", 4)], ""), false)),
            LARGER,
            Call(|t, a| outlook(t, a, shop(&[("db", "small", 1)], ""), false)),
            Call(|t, a| outlook(t, a, shop(&[("db", "small", 1)], ""), true)),
            Call(|t, a| outlook(t, a, "farm: shop\nfarmRoles: []\n".into(), true)),
            Act("terminate web-1"),
            Act("tick"),
            LARGER,
        ],
    ),
    ("an outlook of a farm that is down", &[Act("terminate farm"), Act("settle"), LARGER]),
    (
        "what a manifest writes",
        &[
            Call(|t, a| {
                let manifest = shop(&[("web", "large", 1), ("db", "small", 2)], "");
                let input = ManifestRequest { manifest, ..ManifestRequest::default() };
                said(manifests::apply(t.service, a, &input))
            }),
            Told("tick"),
            Call(|t, a| {
                let manifest = shop(&[("db", "small", 2)], "");
                let input = ManifestRequest { manifest, prune: true, ..ManifestRequest::default() };
                said(manifests::apply(t.service, a, &input))
            }),
            Told("tick"),
            Act("settle"),
            Act("settle"),
            FARM,
        ],
    ),
];
