//! Where agents were told to find the appliance, kept across starts (`agents.json`).
//!
//! An agent knows the addresses it was launched with, or was told since. So when the config file
//! names another address or port, the ones that agents know are listened on, too, until all of them
//! have been told ([`crate::service::agents::told`]); where that cannot be, it is said at the
//! start, before the servers behind it are missed one by one.

use crate::service::observed::FormerPorts;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

/// Earlier listeners that are kept; the oldest go.
const KEPT_MAX: usize = 8;

/// The file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Told {
    /// Where agents came in, the latest first.
    listen: Vec<SocketAddr>,
    /// What they were told at last.
    addresses: Vec<String>,
    /// Whether there may be agents that were told something else.
    telling: bool,
}

/// What is to be done about what agents were told before.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// Where to listen: as configured, and where agents of before come in.
    pub listen: Vec<SocketAddr>,
    /// What changed, for the log; `None` when nothing did.
    pub change: Option<String>,
    /// What agents of before know, where it is something else and some may not have been told.
    pub former: Option<FormerPorts>,
}

/// The file once every agent has been told.
pub struct ToldAddresses {
    path: PathBuf,
    told: Told,
}

impl ToldAddresses {
    /// Keeps from now on that every agent knows what is current, and where they came in before no
    /// more.
    pub fn keep(&self) {
        write(&self.path, &self.told);
    }
}

/// Where agents come in: as configured, and always where servers on this machine reach us, because
/// a port that only others can reach would leave them unheard without a word.
pub fn agent_listeners(configured: SocketAddr, gateway: Option<IpAddr>) -> Vec<SocketAddr> {
    let mut listen = vec![configured];
    if let Some(gateway) = gateway.filter(|gateway| *gateway != configured.ip())
        && !configured.ip().is_unspecified()
    {
        listen.push(SocketAddr::new(gateway, configured.port()));
    }
    listen
}

/// Looks at what was told before, and keeps what is told from now on. The second is what agents of
/// before come in by, bound: somebody else could have it by the time it is asked for again.
pub fn settle(
    data: &Path,
    listen: Vec<SocketAddr>,
    addresses: &[String],
) -> (Outlook, Vec<TcpListener>, ToldAddresses) {
    let path = data.join("agents.json");
    let before: Told = std::fs::read(&path)
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or_default();
    let mut bound = Vec::new();
    let bind = |address: &SocketAddr| TcpListener::bind(address).map(|it| bound.push(it));
    let all_told = Told { listen: listen.clone(), addresses: addresses.to_vec(), telling: false };
    let (outlook, now) = decide(&before, listen, addresses, bind);
    if now != before {
        write(&path, &now);
    }
    (outlook, bound, ToldAddresses { path, told: all_told })
}

fn write(path: &Path, told: &Told) {
    let temporary = path.with_extension("new");
    let text = serde_json::to_vec(told).unwrap_or_default();
    let written = std::fs::write(&temporary, text);
    if let Err(error) = written.and_then(|()| std::fs::rename(&temporary, path)) {
        tracing::warn!(%error, "what agents are told could not be kept");
    }
}

fn decide(
    before: &Told,
    configured: Vec<SocketAddr>,
    addresses: &[String],
    mut bind: impl FnMut(&SocketAddr) -> std::io::Result<()>,
) -> (Outlook, Told) {
    let mut listen = configured;
    let (mut kept, mut lost) = (Vec::new(), Vec::new());
    for address in before.listen.iter().take(KEPT_MAX) {
        let covers = |other: &SocketAddr| {
            other.port() == address.port()
                && (other.ip() == address.ip() || other.ip().is_unspecified())
        };
        if listen.iter().any(covers) {
            continue;
        }
        match bind(address) {
            Ok(()) => {
                kept.push(address.to_string());
                listen.push(*address);
            }
            Err(error) => lost.push(format!("{address} ({error})")),
        }
    }
    // A port that the system chooses is another one each time.
    let known = listen.iter().chain(&before.listen).filter(|address| address.port() != 0);
    let mut known: Vec<SocketAddr> = known.copied().collect();
    let mut once = std::collections::BTreeSet::new();
    known.retain(|address| once.insert(*address));
    known.truncate(KEPT_MAX);
    let told = (!before.addresses.is_empty() && before.addresses != addresses).then(|| {
        format!(
            "agents are told {} now, before {}",
            addresses.join(", "),
            before.addresses.join(", ")
        )
    });
    let also = (!kept.is_empty())
        .then(|| format!("agents of before come in on {}, which stay open", kept.join(", ")));
    let parts: Vec<String> = told.into_iter().chain(also).collect();
    let missing = (!lost.is_empty()).then(|| {
        format!("agents of before come to {}, where nobody can listen now", lost.join(", "))
    });
    let parts: Vec<String> = parts.into_iter().chain(missing).collect();
    let change = (!parts.is_empty()).then(|| parts.join("; "));
    let telling = before.telling || change.is_some();
    let former = telling.then_some(FormerPorts { open: kept, lost });
    let told = Told { listen: known, addresses: addresses.to_vec(), telling };
    (Outlook { listen, change, former }, told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Vec<SocketAddr> {
        text.split_whitespace().map(|address| address.parse().unwrap()).collect()
    }

    #[test]
    fn agents_on_this_machine_are_always_heard() {
        let check = |configured: &str, gateway: Option<&str>, expected: &[&str]| {
            let gateway = gateway.map(|ip| ip.parse().unwrap());
            let expected: Vec<SocketAddr> = expected.iter().map(|a| a.parse().unwrap()).collect();
            assert_eq!(agent_listeners(configured.parse().unwrap(), gateway), expected);
        };
        check("0.0.0.0:8883", Some("10.1.0.1"), &["0.0.0.0:8883"]);
        check("127.0.0.1:8883", Some("10.1.0.1"), &["127.0.0.1:8883", "10.1.0.1:8883"]);
        check("127.0.0.1:8883", Some("127.0.0.1"), &["127.0.0.1:8883"]);
        check("127.0.0.1:8883", None, &["127.0.0.1:8883"]);
    }

    #[test]
    fn agents_of_before_come_in_where_they_were_told() {
        let check = |before: &str, now: &str, taken: &str, listen: &str, lost: bool| {
            let told = Told { listen: at(before), addresses: vec!["old".into()], telling: false };
            let free = |address: &SocketAddr| match at(taken).contains(address) {
                true => Err(std::io::ErrorKind::AddrInUse.into()),
                false => Ok(()),
            };
            let (outlook, kept) = decide(&told, at(now), &["new".into()], free);
            assert_eq!(outlook.listen, at(listen), "{before} -> {now}");
            let former = outlook.former.clone().unwrap();
            assert_eq!(!former.lost.is_empty(), lost, "{before} -> {now}: {outlook:?}");
            assert_eq!(former.open.len(), at(listen).len() - 1, "{before} -> {now}");
            assert!(outlook.change.unwrap().contains("told new now, before old"));
            assert!(at(before).iter().all(|address| kept.listen.contains(address)), "{kept:?}");
        };
        check("0.0.0.0:8883", "0.0.0.0:8883", "", "0.0.0.0:8883", false);
        check("0.0.0.0:8883", "0.0.0.0:9883", "", "0.0.0.0:9883 0.0.0.0:8883", false);
        check("10.7.0.1:8883", "0.0.0.0:8883", "", "0.0.0.0:8883", false);
        check("0.0.0.0:8883", "10.7.0.1:8883", "", "10.7.0.1:8883 0.0.0.0:8883", false);
        check("0.0.0.0:8883", "0.0.0.0:9883", "0.0.0.0:8883", "0.0.0.0:9883", true);
    }

    #[test]
    fn the_first_start_and_the_same_again_say_nothing() {
        let first = decide(&Told::default(), at("0.0.0.0:8883"), &["a".into()], |_| Ok(()));
        assert_eq!((first.0.change, first.0.former), (None, None));
        let again = decide(&first.1, at("0.0.0.0:8883"), &["a".into()], |_| Ok(()));
        assert_eq!((again.0.change, again.0.former, &again.1), (None, None, &first.1));
        let any = decide(&Told::default(), at("127.0.0.1:0"), &["a".into()], |_| Ok(()));
        assert_eq!(any.1.listen, []);
    }

    /// A start is soon followed by another: until all are told, none of it is forgotten.
    #[test]
    fn agents_are_told_until_all_of_them_are() {
        let first = decide(&Told::default(), at("0.0.0.0:8883"), &["a".into()], |_| Ok(())).1;
        let (moved, kept) = decide(&first, at("0.0.0.0:9883"), &["b".into()], |_| Ok(()));
        assert_eq!(moved.former.unwrap().open, ["0.0.0.0:8883"]);
        let (again, kept) = decide(&kept, at("0.0.0.0:9883"), &["b".into()], |_| Ok(()));
        assert_eq!(again.former.unwrap().open, ["0.0.0.0:8883"]);
        assert_eq!(again.listen, at("0.0.0.0:9883 0.0.0.0:8883"));
        let data = std::env::temp_dir().join(format!("grange-told-{}", std::process::id()));
        std::fs::create_dir_all(&data).unwrap();
        write(&data.join("agents.json"), &kept);
        let (outlook, bound, known) = settle(&data, at("0.0.0.0:9883"), &["b".into()]);
        assert!(outlook.former.is_some() && bound.len() <= 1, "{outlook:?}");
        known.keep();
        let (outlook, bound, _) = settle(&data, at("0.0.0.0:9883"), &["b".into()]);
        std::fs::remove_dir_all(&data).unwrap();
        assert_eq!((outlook.former, outlook.listen, bound.len()), (None, at("0.0.0.0:9883"), 0));
    }
}
