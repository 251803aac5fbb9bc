//! Over the system's OpenSSH: a command, and the screen as a forced command.

use super::rig::Rig;
use super::wait::until;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A private `sshd` on a loopback port, with keys made for it.
struct Sshd {
    directory: PathBuf,
    port: u16,
    daemon: Child,
}

impl Sshd {
    fn start(rig: &Rig, forced: &str) -> Sshd {
        let directory = rig.directory.join("ssh");
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
        let port = super::rig::free_port();
        for key in ["host", "plain", "forced"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-C", key, "-f"])
                .arg(directory.join(key))
                .status();
            assert!(made.expect("apt-get install openssh-client").success());
        }
        let public = |key: &str| fs::read_to_string(directory.join(key).with_extension("pub"));
        let plain = public("plain").unwrap();
        let forced = format!("command=\"{forced}\" {}", public("forced").unwrap());
        fs::write(directory.join("authorized"), plain + &forced).unwrap();
        let known = format!("[127.0.0.1]:{port} {}", public("host").unwrap());
        fs::write(directory.join("known"), known).unwrap();
        let at = directory.display();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {at}/host\nPidFile none\n\
             AuthorizedKeysFile {at}/authorized\nStrictModes no\nUsePAM no\n\
             PermitRootLogin prohibit-password\nPasswordAuthentication no\nPrintMotd no\n"
        );
        fs::write(directory.join("config"), config).unwrap();
        // Where the system's own service would have made it.
        fs::create_dir_all("/run/sshd").unwrap();
        let daemon = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(directory.join("config"))
            .stdin(Stdio::null())
            .stderr(fs::File::create(directory.join("log")).unwrap())
            .spawn()
            .expect("apt-get install openssh-server");
        let sshd = Sshd { directory, port, daemon };
        let open = || std::net::TcpStream::connect(("127.0.0.1", port));
        drop(until("sshd to listen", 20, open));
        sshd
    }

    /// The client's command line, with one of the keys.
    fn client(&self, key: &str, terminal: bool) -> Vec<String> {
        let at = |name: &str| self.directory.join(name).display().to_string();
        let mut words = vec!["ssh".to_owned(), "-F".to_owned(), "none".to_owned()];
        for option in [
            format!("Port={}", self.port),
            format!("IdentityFile={}", at(key)),
            format!("UserKnownHostsFile={}", at("known")),
            "IdentitiesOnly=yes".to_owned(),
            "StrictHostKeyChecking=yes".to_owned(),
            "BatchMode=yes".to_owned(),
        ] {
            words.extend(["-o".to_owned(), option]);
        }
        words.extend(terminal.then(|| "-t".to_owned()));
        words.push("root@127.0.0.1".to_owned());
        words
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        // It may have ended by itself, with an error that the test tells already.
        drop(self.daemon.kill());
        drop(self.daemon.wait());
    }
}

/// A terminal of 100 columns that a test can look at.
struct Terminal {
    socket: PathBuf,
}

impl Terminal {
    fn run(directory: &Path, command: &[String]) -> Terminal {
        let terminal = Terminal { socket: directory.join("tmux") };
        let started = terminal
            .tmux()
            .args(["-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30"])
            .args(command)
            .status();
        assert!(started.expect("apt-get install tmux").success());
        terminal
    }

    fn tmux(&self) -> Command {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(&self.socket).env("LC_ALL", "C.UTF-8").env("TERM", "xterm");
        command
    }

    fn screen(&self) -> String {
        let shown = self.tmux().args(["capture-pane", "-p"]).output().unwrap();
        String::from_utf8_lossy(&shown.stdout).into_owned()
    }

    fn press(&self, key: &str) {
        assert!(self.tmux().args(["send-keys", key]).status().unwrap().success());
    }

    fn is_over(&self) -> bool {
        !self.tmux().args(["has-session"]).stderr(Stdio::null()).status().unwrap().success()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Over already when the screen was left.
        drop(self.tmux().arg("kill-server").stderr(Stdio::null()).status());
    }
}

#[test]
fn the_commands_and_the_screen_work_over_openssh() {
    let mut rig = Rig::new("ssh");
    rig.start();
    rig.apply("farm: over-ssh\nfarmRoles: []\n");
    let socket = rig.directory.join("data/run/api.sock");
    let grange =
        format!("{} --socket {}", rig.directory.join("grange").display(), socket.display());
    let sshd = Sshd::start(&rig, &grange);

    let mut words = sshd.client("plain", false);
    words.push(format!("{grange} status"));
    let status = Command::new(&words[0]).args(&words[1..]).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&status.stdout);
    assert!(status.status.success(), "{status:?}");
    assert!(said.contains("farms"), "{said}");

    let terminal = Terminal::run(&sshd.directory, &sshd.client("forced", true));
    until("the farm on the screen", 20, || {
        let screen = terminal.screen();
        // The lists may be there a moment before the head says so.
        let shows = ["over-ssh", "connected"].iter().all(|word| screen.contains(word));
        if shows { Ok(()) } else { Err(screen) }
    });
    terminal.press("q");
    until("the screen to be left", 20, || {
        if terminal.is_over() { Ok(()) } else { Err(terminal.screen()) }
    });
}
