//! What is asked of farms and farm roles.

use super::Case;
use super::Do::{Act, Call, Told};
use super::calls::{
    FARM, LAUNCH_FARM, LIST_SERVERS, RESUME_FARM, SUSPEND_FARM, each, pages, role, shop,
};
use crate::entrance::rights::said;
use grange::service::farms::{self, manifests};
use grange::wire::api::ManifestRequest;
use grange::wire::input::{FarmFilter, FarmInput, FarmRoleFilter, ScalingInput, TerminateInput};

/// Every case.
pub const FARMS: &[Case] = &[
    (
        "a farm that sleeps",
        &[
            SUSPEND_FARM,
            SUSPEND_FARM,
            Told("tick"),
            Act("settle"),
            FARM,
            LIST_SERVERS,
            RESUME_FARM,
            Told("tick"),
            Act("settle"),
            FARM,
        ],
    ),
    (
        "a farm that stops and starts",
        &[
            LAUNCH_FARM,
            Call(|t, a| {
                said(farms::terminate(t.service, a, t.farm, TerminateInput { force: true }))
            }),
            Told("tick"),
            FARM,
            Act("settle"),
            RESUME_FARM,
            SUSPEND_FARM,
            LAUNCH_FARM,
            Told("tick"),
        ],
    ),
    (
        "a farm that is removed",
        &[
            Told("remove farm"),
            FARM,
            LAUNCH_FARM,
            Act("settle"),
            Told("settle"),
            Call(|t, a| said(farms::get(t.service, a, t.farm))),
        ],
    ),
    (
        "farms that cannot be",
        &[Call(|t, a| {
            let create = |name: Option<&str>, description: &str, order: Option<&str>| {
                let input = FarmInput {
                    name: name.map(Into::into),
                    description: Some(description.into()),
                    launch_order: order.map(Into::into),
                };
                farms::create(t.service, a, &input)
            };
            each([
                create(None, "", None),
                create(Some(""), "", None),
                create(Some("Shop!"), "", None),
                create(Some("shop"), "", None),
                create(Some("den"), "two\nlines", None),
                create(Some("den"), "", Some("backwards")),
                create(Some("den"), "a den", Some("sequential")),
            ])
        })],
    ),
    (
        "scaling of every kind",
        &[
            Call(|t, a| {
                let scale = |enabled, min_instances, max_instances| {
                    let input = ScalingInput { enabled, min_instances, max_instances };
                    farms::scale(t.service, a, t.role, &input, None)
                };
                each([
                    scale(None, None, None),
                    scale(None, Some(5), None),
                    scale(None, None, Some(1)),
                    scale(None, Some(3), Some(3)),
                    scale(Some(false), None, None),
                    scale(None, Some(0), Some(0)),
                    scale(None, Some(0), Some(401)),
                ])
            }),
            Told("tick"),
            FARM,
        ],
    ),
    (
        "lists of farms and farm roles",
        &[
            Call(|t, a| {
                for name in ["den", "barn"] {
                    let input = FarmInput { name: Some(name.into()), ..FarmInput::default() };
                    farms::create(t.service, a, &input)?;
                }
                pages(|page| farms::list(t.service, a, &FarmFilter::default(), page))
            }),
            Call(|t, a| {
                let manifest = shop(&[("web", "small", 2), ("db", "small", 1)], "");
                let input = ManifestRequest { manifest, ..ManifestRequest::default() };
                manifests::apply(t.service, a, &input)?;
                pages(|page| {
                    farms::farm_roles(t.service, a, t.farm, &FarmRoleFilter::default(), page)
                })
            }),
            Call(|t, a| said(farms::role(t.service, a, role(t, "db")))),
        ],
    ),
];
