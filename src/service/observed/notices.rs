//! The notices of each platform as they were last told, in memory.

use crate::base::{Millis, ServerId};
use crate::model::{Notice, NoticeKind};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// See the module's text.
#[derive(Default)]
pub struct Notices {
    platforms: Mutex<BTreeMap<String, Told>>,
}

#[derive(Default)]
struct Told {
    /// What is seen of all of it.
    whole: Vec<Notice>,
    /// What is seen of single servers, found without looking at the others': a page has a hundred
    /// rows, and all servers of a platform may have a notice.
    servers: BTreeMap<ServerId, Vec<Notice>>,
    /// The count of each server's kind when it was last news, and when that was.
    news: BTreeMap<(ServerId, &'static str), (u64, Millis)>,
}

impl Notices {
    /// Replaces what is seen of a platform; gives what is news of servers: what has happened more
    /// often than when it was last told, and was not told within `every`.
    pub fn set(
        &self,
        platform: &str,
        notices: Vec<Notice>,
        now: Millis,
        every: Millis,
    ) -> Vec<Notice> {
        let mut platforms = self.platforms.lock().unwrap_or_else(PoisonError::into_inner);
        let told = platforms.entry(platform.to_owned()).or_default();
        let mut news = Vec::new();
        for notice in notices.iter().filter(|notice| notice.count > 0) {
            let Some(server) = notice.server else { continue };
            let key = (server, notice.kind.as_str());
            let before = told.news.get(&key).copied();
            let rested = before.is_none_or(|(_, at)| now.saturating_sub(at) >= every);
            if rested && before.is_none_or(|(count, _)| notice.count != count) {
                told.news.insert(key, (notice.count, now));
                news.push(notice.clone());
            }
        }
        (told.whole, told.servers) = (Vec::new(), BTreeMap::new());
        for notice in notices {
            match notice.server {
                Some(server) => told.servers.entry(server).or_default().push(notice),
                // What is right again is no condition of anybody.
                None if notice.kind == NoticeKind::Repaired => {}
                None => told.whole.push(notice),
            }
        }
        let seen = &told.servers;
        told.news.retain(|(server, _), (_, at)| {
            seen.contains_key(server) || now.saturating_sub(*at) < every
        });
        news
    }

    /// What is seen of a server, then of its whole platform.
    pub fn of(&self, platform: &str, server: ServerId) -> Vec<Notice> {
        let platforms = self.platforms.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(told) = platforms.get(platform) else { return Vec::new() };
        told.servers.get(&server).into_iter().flatten().chain(&told.whole).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(count: u64) -> Notice {
        let text = format!("{count} times");
        Notice { server: Some(ServerId(1)), kind: NoticeKind::OutOfMemory, text, count }
    }

    #[test]
    fn what_was_put_right_is_no_condition_of_a_server() {
        let notices = Notices::default();
        let whole = |kind| Notice { server: None, kind, text: "it".into(), count: 0 };
        let both = vec![whole(NoticeKind::Repaired), whole(NoticeKind::Network)];
        notices.set("onboard", both, 0, 600);
        let seen: Vec<_> = notices.of("onboard", ServerId(1)).iter().map(|n| n.kind).collect();
        assert_eq!(seen, [NoticeKind::Network]);
    }

    #[test]
    fn the_same_is_told_once_and_more_of_it_once_in_a_while() {
        let notices = Notices::default();
        let told = |count: u64, now: Millis| {
            notices.set("onboard", vec![notice(count)], now, 600).iter().map(|n| n.count).max()
        };
        assert_eq!(told(1, 0), Some(1));
        assert_eq!(told(1, 700), None);
        assert_eq!(told(2, 701), Some(2));
        assert_eq!(told(9, 900), None);
        assert_eq!(told(9, 1_301), Some(9));
    }

    #[test]
    fn what_is_about_the_platform_is_about_each_server() {
        let notices = Notices::default();
        let network =
            Notice { server: None, kind: NoticeKind::Network, text: "cut".into(), count: 0 };
        notices.set("onboard", vec![notice(1), network.clone()], 0, 600);
        assert_eq!(notices.of("onboard", ServerId(1)), [notice(1), network.clone()]);
        assert_eq!(notices.of("onboard", ServerId(2)), [network]);
        assert_eq!(notices.of("elsewhere", ServerId(1)), []);
    }
}
