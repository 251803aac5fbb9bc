//! What a balancer's file says that is of interest here.

use std::collections::BTreeMap;
use std::net::SocketAddr;

/// A file that the appliance rendered for HAProxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The digest of everything in it but its members.
    pub settings: String,
    /// Where HAProxy takes commands, relative to where it runs.
    pub socket: String,
    /// The port clients connect to.
    pub port: u16,
    /// The servers behind it, by what it calls them.
    pub members: BTreeMap<String, Member>,
}

/// A server behind a balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Where it serves.
    pub address: SocketAddr,
    /// How it is checked and used, in HAProxy's words. A member that is added while HAProxy runs
    /// takes nothing over from `default-server`, so that all of it is here.
    pub options: String,
}

impl Config {
    /// Reads a file; `None` if it is none of ours, or an older one that does not name its
    /// settings.
    pub fn parse(content: &str) -> Option<Config> {
        let mut config = Config {
            settings: String::new(),
            socket: String::new(),
            port: 0,
            members: BTreeMap::new(),
        };
        let mut defaults = "";
        for line in content.lines().map(str::trim) {
            let (keyword, rest) = line.split_once(' ').unwrap_or((line, ""));
            match keyword {
                "stats" => {
                    let socket = rest.strip_prefix("socket unix@")?;
                    config.socket = socket.split(' ').next()?.to_owned();
                }
                "description" => {
                    let settings = rest.trim_matches('"').strip_prefix("settings ")?;
                    config.settings = settings.to_owned();
                }
                "bind" => config.port = rest.trim_matches('"').rsplit(':').next()?.parse().ok()?,
                "default-server" => defaults = rest,
                "server" => {
                    let mut words = rest.splitn(3, ' ');
                    let (name, address) = (words.next()?, words.next()?.parse().ok()?);
                    let options = format!("{} {defaults}", words.next().unwrap_or_default());
                    config.members.insert(name.to_owned(), Member { address, options });
                }
                _ => {}
            }
        }
        let whole = !config.settings.is_empty() && !config.socket.is_empty() && config.port != 0;
        whole.then_some(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# Written\nglobal\n    \
        stats socket unix@haproxy.sock mode 600 level admin\n    \
        description \"settings abc\"\nfrontend clients\n    bind \"${GRANGE_ADDRESS-*}:80\"\n\
        backend servers\n    default-server inter 1s fall 2\n    \
        server web-1 10.9.0.2:8080 check\n    server web-2.leaving [fd00::1]:8080 check backup\n";

    #[test]
    fn a_file_says_its_settings_and_members() {
        let config = Config::parse(FILE).unwrap();
        let own = (config.settings.as_str(), config.socket.as_str(), config.port);
        assert_eq!(own, ("abc", "haproxy.sock", 80));
        let members = config.members.iter();
        let said: Vec<String> =
            members.map(|(name, m)| format!("{name} {} {}", m.address, m.options)).collect();
        assert_eq!(
            said,
            [
                "web-1 10.9.0.2:8080 check inter 1s fall 2",
                "web-2.leaving [fd00::1]:8080 check backup inter 1s fall 2",
            ]
        );
    }

    #[test]
    fn other_files_are_none_of_ours() {
        for (what, with) in [
            ("description", "# description"),
            ("10.9.0.2:8080", "web.internal:8080"),
            (":80\"", ":http\""),
            ("stats socket unix@", "stats socket ipv4@"),
        ] {
            assert_eq!(Config::parse(&FILE.replace(what, with)), None, "{with}");
        }
        assert_eq!(Config::parse("server {\n listen 80;\n}\n"), None);
    }
}
