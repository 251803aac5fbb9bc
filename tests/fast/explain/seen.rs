//! What a platform sees that no listing carries, as a story says it.

use grange::model::{Actor, Notice, NoticeKind};
use grange::service::Service;
use grange::service::clouds::notices;

/// Something about the network that servers stand on, or nothing any more.
pub fn network(service: &Service, platform: &str, text: Option<&str>) {
    let notice = text.map(|text| Notice {
        server: None,
        kind: NoticeKind::Network,
        text: text.to_owned(),
        count: 0,
    });
    let seen = notice.into_iter().collect();
    notices::take(service, &Actor::job("examine"), platform, seen).unwrap();
}
