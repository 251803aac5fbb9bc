//! What only the local machine can do: parsed here, done by `main.rs`.

use crate::cli::target::Target;
use std::ffi::OsString;
use std::path::PathBuf;

/// Something for this machine.
#[derive(Debug, PartialEq, Eq)]
pub enum Local {
    /// Run the appliance.
    Serve {
        /// Its configuration file.
        config: Option<PathBuf>,
        /// Its state directory.
        data: Option<PathBuf>,
        /// Take over the servers of the state directory that this one is a copy of.
        take_over: bool,
    },
    /// Try it.
    Demo {
        /// What of it.
        demo: Demo,
        /// Its state directory.
        dir: Option<PathBuf>,
    },
    /// Be a server's agent.
    Agent {
        /// Its configuration file.
        config: PathBuf,
        /// Its state directory.
        state: Option<PathBuf>,
    },
    /// Ask a server's agent, on that server.
    AskAgent {
        /// Say that nothing is left to finish, instead of asking whether the server is to go.
        idle: bool,
        /// Its state directory.
        state: Option<PathBuf>,
        /// As JSON instead of lines.
        json: bool,
    },
    /// Look after the appliance's machine.
    Appliance(Appliance),
    /// Open the screen.
    Tui(Target),
    /// A web server of the demo.
    DemoWeb {
        /// Where it listens.
        port: u16,
    },
    /// The first process of a server of the `onboard` platform.
    OnboardInit {
        /// What the platform gave it.
        args: Vec<OsString>,
    },
}

/// A verb of the demo.
#[derive(Debug, PartialEq, Eq)]
pub enum Demo {
    /// A temporary appliance with a farm.
    Start {
        /// Whether to open the screen.
        tui: bool,
    },
    /// Load on a running demo's farm.
    Load {
        /// Requests a second.
        rate: u32,
    },
    /// Kill a server of a running demo.
    Crash {
        /// As `web-1`.
        server: String,
    },
    /// End a running demo.
    Stop,
}

/// A verb of the machine.
#[derive(Debug, PartialEq, Eq)]
pub enum Appliance {
    /// Install from this binary.
    Install,
    /// Remove.
    Uninstall {
        /// Leave the state directory.
        keep_data: bool,
        /// Ask nobody.
        yes: bool,
    },
    /// List what appliances left whose state directory is gone, and remove it.
    Sweep {
        /// Ask nobody.
        yes: bool,
    },
    /// Check.
    Doctor {
        /// As JSON instead of lines.
        json: bool,
        /// A state directory, instead of what is installed.
        data: Option<PathBuf>,
    },
}
