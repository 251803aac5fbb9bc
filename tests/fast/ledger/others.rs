//! What is asked of everything else.

use super::Case;
use super::Do::{Act, Call, Told, Whole};
use super::calls::{each, pages, shop};
use crate::entrance::rights::said;
use grange::base::TokenId;
use grange::service::access;
use grange::service::clouds::accounts;
use grange::service::farms::manifests;
use grange::service::journal::explain;
use grange::wire::api::ManifestRequest;
use grange::wire::input::TokenInput;

/// Every case.
pub const OTHERS: &[Case] = &[
    ("what every start writes", &[Whole]),
    (
        "an account that is resumed",
        &[
            Act("apply 3 4"),
            Act("fail launch busy"),
            Told("tick"),
            Call(|t, a| pages(|page| accounts::list(t.service, a, page))),
            Call(|t, a| said(accounts::resume(t.service, a, "simulated"))),
            Call(|t, a| said(accounts::resume(t.service, a, "nobody"))),
            Call(|t, a| said(accounts::resume(t.service, a, "simulated"))),
        ],
    ),
    (
        "tokens",
        &[
            Call(|t, a| {
                let make = |description: &str, expires_in_ms| {
                    let description = description.into();
                    access::create_token(t.service, a, &TokenInput { description, expires_in_ms })
                };
                let most = grange::base::limit::TOKEN_LIFE_MAX;
                each([
                    make("one", None),
                    make("two\nlines", None),
                    make("none", Some(0)),
                    make("short", Some(1)),
                    make("long", Some(most)),
                    make("too long", Some(most + 1)),
                ])
            }),
            Call(|t, a| pages(|page| access::tokens(t.service, a, page))),
            Call(|t, a| said(access::revoke_token(t.service, a, TokenId(2)))),
            Call(|t, a| said(access::revoke_token(t.service, a, TokenId(2)))),
            Call(|t, a| pages(|page| access::tokens(t.service, a, page))),
        ],
    ),
    (
        "names that are nobody's and those of several",
        &[
            Call(|t, a| {
                let manifest = shop(&[("web", "small", 2)], "").replace("shop", "den");
                let input =
                    ManifestRequest { manifest, launch: true, ..ManifestRequest::default() };
                manifests::apply(t.service, a, &input)?;
                let id = t.server.to_string();
                let asked = [
                    "web",
                    "web-1",
                    "web-9",
                    "shop/web",
                    "den/web-1",
                    "shop/",
                    "/web",
                    "",
                    " ",
                    "plan x",
                    "plan 99",
                    "step 99",
                    "volume 99",
                    "nobody",
                    &id,
                    &id[..8],
                    &id[..7],
                    "0000000g",
                    "ffffffff",
                ];
                each(asked.map(|what| explain::full_name(t.service, a, what)))
            }),
            Told("tick"),
            Act("settle"),
            Call(|t, a| {
                let id = t.server.to_string();
                each(["web-1", "web", &id[..8]].map(|what| explain::full_name(t.service, a, what)))
            }),
        ],
    ),
];
