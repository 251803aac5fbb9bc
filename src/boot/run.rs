//! From a command line to an exit code: the CLI's own commands, and what only this machine can do.

use crate::agent::{self, AgentOptions, Question};
use crate::appliance::uninstall::Servers;
use crate::appliance::{self, Finding, InstallOptions, Layout, Scope, UninstallOptions};
use crate::base::problem::chain;
use crate::base::{WallClock, output};
use crate::boot::failure::StartError;
use crate::boot::{config, demo, demo_web, logs, serve, sweep};
use crate::cli::{self, Appliance, Demo, Local, Outcome};
use crate::clouds::onboard::{Onboard, OnboardConfig};
use crate::tui;
use std::ffi::OsString;
use std::io::{ErrorKind, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Carries out a command line; it begins with the name the program was called by.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    match cli::in_shell(demo::socket(), |io| cli::run(arguments, &cli::connect, io)) {
        Outcome::Exit(code) => ExitCode::from(code),
        Outcome::Local(local) => here(local),
    }
}

fn here(local: Local) -> ExitCode {
    match local {
        Local::Serve { config, data, take_over } => {
            ended(run_serve(config.as_deref(), data.as_deref(), take_over))
        }
        Local::Appliance(verb) => machine(&verb),
        Local::DemoWeb { port } => demo_web::run(port),
        Local::OnboardInit { args } => crate::clouds::onboard::init_main(args),
        Local::Agent { config, state } => run_agent(config, state),
        Local::AskAgent { idle, state, json } => {
            let question = if idle { Question::Idle } else { Question::Retiring };
            agent::ask(question, &state.unwrap_or_else(agent::state_dir), json)
        }
        Local::Tui(target) => screen(&target),
        Local::Demo { demo, dir } => ended(run_demo(demo, dir)),
    }
}

/// The terminal UI on an appliance, here or elsewhere.
fn screen(target: &cli::Target) -> ExitCode {
    let client = match cli::connect(target) {
        Ok(client) => client,
        Err(error) => {
            for line in error.lines() {
                output::line(format_args!("grange: {line}"));
            }
            return ExitCode::from(error.exit_code());
        }
    };
    match tui::run(Arc::new(client), tui::Options::default()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::from(output::PIPE_CLOSED),
        Err(error) => {
            output::line(format_args!("grange: the terminal: {error}"));
            ExitCode::from(1)
        }
    }
}

fn ended(result: Result<(), StartError>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(StartError::Output(error)) => ExitCode::from(output::ended(Err(error))),
        Err(error) => {
            output::line(format_args!("grange: {}", chain(&error)));
            ExitCode::from(error.exit_code())
        }
    }
}

fn run_demo(verb: Demo, dir: Option<PathBuf>) -> Result<(), StartError> {
    let dir = demo::directory(dir);
    match verb {
        Demo::Start { tui } => demo::run(&dir, tui && std::io::stdout().is_terminal()),
        Demo::Load { rate } => demo::load(&dir, rate),
        Demo::Crash { server } => demo::crash(&dir, &server),
        Demo::Stop => demo::stop(&dir),
    }
}

fn run_serve(file: Option<&Path>, data: Option<&Path>, take_over: bool) -> Result<(), StartError> {
    let root = appliance::own_uid() == 0;
    let config = config::Config { take_over, ..config::load(file, data, root)? };
    let _log = start_log(config.log_format, &config.log_level)?;
    serve::serve(&config)
}

/// The same agent as `grange-agent`, for machines that have only the one binary.
fn run_agent(config: PathBuf, state: Option<PathBuf>) -> ExitCode {
    match start_log(config::LogFormat::Text, "info") {
        Ok(_log) => agent::run(AgentOptions::from_environment(config, state)),
        Err(error) => ended(Err(error)),
    }
}

fn start_log(format: config::LogFormat, level: &str) -> Result<logs::Log, StartError> {
    logs::start(format, level).map_err(|error| StartError::System("the log", error))
}

fn machine(verb: &Appliance) -> ExitCode {
    // What was done is done, also where nobody can be told.
    let out = &mut output::Stdout;
    let installed = installed();
    if let Appliance::Doctor { json, data } = verb {
        return match data.clone().or_else(directory_of_socket) {
            Some(data) => {
                let socket = data.join("run/api.sock");
                let layout = Layout { data_dir: data, socket, ..Layout::default() };
                examine(Ok(&layout), Scope::Directory, *json)
            }
            None => examine(installed.as_ref(), Scope::Installed, *json),
        };
    }
    if let Appliance::Sweep { yes } = verb {
        return sweep::run(*yes);
    }
    let layout = match installed {
        Ok(layout) => layout,
        Err(error) => return ended(Err(error.into())),
    };
    let result = match verb {
        Appliance::Install => appliance::install(&layout, &InstallOptions::default(), out),
        Appliance::Uninstall { keep_data, .. } => {
            let options = UninstallOptions { keep_data: *keep_data };
            appliance::uninstall(&layout, &options, &mut settle_servers, out)
        }
        Appliance::Doctor { .. } | Appliance::Sweep { .. } => return ExitCode::from(1),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::line(format_args!("grange: {}", chain(&failure)));
            ExitCode::from(failure.exit_code())
        }
    }
}

/// The state directory whose socket `GRANGE_SOCKET` names, where it is in one.
fn directory_of_socket() -> Option<PathBuf> {
    let socket = PathBuf::from(std::env::var_os("GRANGE_SOCKET")?);
    let inside = socket.ends_with("run/api.sock").then(|| socket.parent()?.parent())?;
    inside.filter(|data| data.join("keys").is_dir()).map(Path::to_owned)
}

/// `appliance doctor`: what is found, and 1 where something fails.
fn examine(installed: Result<&Layout, &config::ConfigError>, scope: Scope, json: bool) -> ExitCode {
    let usual = Layout::default();
    let fault = installed.err().map(|error| chain(error));
    let findings = appliance::doctor(installed.unwrap_or(&usual), scope, fault, &WallClock::new());
    let written = if json {
        let list: Vec<_> = findings.iter().map(Finding::json).collect();
        output::tell(serde_json::Value::from(list))
    } else {
        findings.iter().try_for_each(output::tell)
    };
    match output::ended(written) {
        0 => ExitCode::from(u8::from(findings.iter().any(Finding::fails))),
        code => ExitCode::from(code),
    }
}

/// Where the appliance of this machine keeps what: as usual, or as its config file says.
fn installed() -> Result<Layout, config::ConfigError> {
    let layout = Layout::default();
    if !layout.config.exists() {
        return Ok(layout);
    }
    let config = config::load(Some(&layout.config), None, true)?;
    let ports = vec![config.https, config.agents];
    Ok(Layout { data_dir: config.data_dir, socket: config.socket, ports, ..layout })
}

/// Takes the platform of servers on this machine down.
fn settle_servers(data_dir: &Path, what: Servers) -> Result<usize, String> {
    let state_dir = data_dir.join("onboard");
    if !state_dir.is_dir() {
        return Ok(0);
    }
    let executable = std::env::current_exe().map_err(|error| error.to_string())?;
    let onboard = Onboard::open(OnboardConfig {
        state_dir,
        agent_executable: executable.clone(),
        executable,
        masks: Vec::new(),
        isolation: None,
        disk_bytes: None,
        take_over: false,
    })
    .map_err(|failure| failure.line())?;
    let servers = crate::clouds::Cloud::list(&onboard).map_err(|error| error.to_string())?;
    match what {
        Servers::Remove => onboard.remove_all(true),
        Servers::Stop => onboard.stop_all(),
    }
    .map_err(|failure| failure.line())?;
    Ok(servers.len())
}
