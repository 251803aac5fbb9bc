//! What becomes of steps: every kind with every answer there can be.

use super::Case;
use super::Do::{Act, Told};

/// Every case.
pub const STEPS: &[Case] = &[
    ("launch", &[Act("apply 3 4"), Told("tick"), Told("settle")]),
    ("launch refused", &[Act("apply 3 4"), Act("fail launch refused"), Told("tick"), Told("tick")]),
    (
        "launch busy",
        &[Act("apply 3 4"), Act("fail launch busy"), Told("tick"), Act("later 5m"), Told("tick")],
    ),
    (
        "launch lost",
        &[
            Act("apply 3 4"),
            Act("fail launch lost"),
            Told("tick"),
            Told("later 20s"),
            Told("later 5s"),
            Told("later 10s"),
            Told("tick"),
        ],
    ),
    (
        "launch unheard",
        &[
            Act("apply 3 4"),
            Act("fail launch unheard"),
            Told("tick"),
            Told("later 5s"),
            Told("tick"),
        ],
    ),
    ("terminate", &[Act("terminate web-1"), Told("tick"), Told("later 10s"), Told("tick")]),
    (
        "terminate refused",
        &[
            Act("brisk"),
            Act("apply 2 4"),
            Act("terminate web-1"),
            Act("later 10s"),
            Act("fail terminate refused"),
            Told("tick"),
            Told("later 5m"),
            Told("tick"),
        ],
    ),
    (
        "terminate lost",
        &[
            Act("terminate web-1"),
            Act("tick"),
            Act("later 10s"),
            Act("fail terminate lost"),
            Told("tick"),
            Told("later 5s"),
            Told("tick"),
        ],
    ),
    (
        "terminate unheard",
        &[
            Act("terminate web-1"),
            Act("tick"),
            Act("later 10s"),
            Act("fail terminate unheard"),
            Told("tick"),
            Told("later 5s"),
            Told("tick"),
        ],
    ),
    ("suspend", &[Act("suspend web-1"), Told("tick")]),
    (
        "suspend refused",
        &[Act("suspend web-1"), Act("fail suspend refused"), Told("tick"), Told("tick")],
    ),
    (
        "suspend lost",
        &[
            Act("suspend web-1"),
            Act("fail suspend lost"),
            Told("tick"),
            Told("later 20s"),
            Told("later 5s"),
            Told("later 5s"),
            Told("tick"),
        ],
    ),
    (
        "suspend unheard",
        &[
            Act("suspend web-1"),
            Act("fail suspend unheard"),
            Told("tick"),
            Told("later 20s"),
            Told("later 5s"),
            Told("later 5s"),
            Told("tick"),
        ],
    ),
    ("resume", &[Act("suspend web-1"), Act("settle"), Act("resume web-1"), Told("tick")]),
    (
        "resume refused",
        &[
            Act("suspend web-1"),
            Act("settle"),
            Act("resume web-1"),
            Act("fail resume refused"),
            Told("tick"),
            Told("later 5m"),
            Told("tick"),
        ],
    ),
    (
        "resume unheard",
        &[
            Act("suspend web-1"),
            Act("settle"),
            Act("resume web-1"),
            Act("fail resume unheard"),
            Told("tick"),
            Told("later 20s"),
            Told("later 5s"),
            Told("later 5s"),
            Told("tick"),
        ],
    ),
    ("reboot", &[Act("reboot web-1"), Told("tick")]),
    ("reboot refused", &[Act("reboot web-1"), Act("fail reboot refused"), Told("tick")]),
    (
        "reboot unheard",
        &[
            Act("reboot web-1"),
            Act("fail reboot unheard"),
            Told("tick"),
            Told("later 20s"),
            Told("later 5s"),
            Told("later 5s"),
        ],
    ),
    (
        "one that stopped",
        &[Act("stop web-1"), Told("later 5s"), Told("tick"), Told("later 5s"), Told("tick")],
    ),
    (
        "one that vanished",
        &[
            Act("lose web-1"),
            Told("later 5s"),
            Told("tick"),
            Told("later 40s"),
            Told("tick"),
            Told("later 60s"),
            Told("tick"),
        ],
    ),
    (
        "all that stopped",
        &[Act("cut"), Told("later 5s"), Told("tick"), Told("later 60s"), Told("tick")],
    ),
    (
        "the maximum sinks before a launch begins",
        &[Act("load 75 for 60s"), Act("apply 1 2"), Told("tick")],
    ),
];
