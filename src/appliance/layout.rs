//! Where an installed appliance keeps what.

use std::net::SocketAddr;
use std::path::PathBuf;

/// The places.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The binary.
    pub binary: PathBuf,
    /// The slim agent, where one came with the binary.
    pub agent: PathBuf,
    /// Other names of the binary.
    pub links: Vec<PathBuf>,
    /// The config file's directory.
    pub config_dir: PathBuf,
    /// The config file.
    pub config: PathBuf,
    /// The first administrator's token.
    pub token: PathBuf,
    /// What install made, so that uninstall removes just that.
    pub made: PathBuf,
    /// State.
    pub data_dir: PathBuf,
    /// The home of the user for SSH sessions: its keys are all there is in it.
    pub home: PathBuf,
    /// The socket's directory.
    pub run_dir: PathBuf,
    /// The unix socket.
    pub socket: PathBuf,
    /// Where the appliance listens for clients and agents.
    pub ports: Vec<SocketAddr>,
    /// The systemd unit.
    pub unit: PathBuf,
    /// The log where there is no systemd.
    pub log: PathBuf,
    /// The process id where there is no systemd.
    pub pid: PathBuf,
}

/// The system user for SSH sessions.
pub const USER: &str = "grange";

impl Default for Layout {
    fn default() -> Layout {
        let config_dir = PathBuf::from("/etc/grange");
        let run_dir = PathBuf::from("/run/grange");
        Layout {
            binary: "/usr/local/bin/grange".into(),
            agent: "/usr/local/bin/grange-agent".into(),
            links: vec!["/usr/local/bin/appliance".into()],
            config: config_dir.join("grange.toml"),
            token: config_dir.join("admin.token"),
            made: config_dir.join("installed.json"),
            // Not in the data directory: sshd reads the keys as the user, whom that is closed to.
            home: config_dir.join("home"),
            config_dir,
            data_dir: "/var/lib/grange".into(),
            socket: run_dir.join("api.sock"),
            pid: run_dir.join("grange.pid"),
            run_dir,
            ports: [443, 8883].map(|port| SocketAddr::from(([0, 0, 0, 0], port))).into(),
            unit: "/etc/systemd/system/grange.service".into(),
            log: "/var/log/grange.log".into(),
        }
    }
}
