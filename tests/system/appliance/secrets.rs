//! An appliance that was used, read byte by byte: nothing that is secret is anywhere on its disk,
//! in what it said, or on anybody's command line; with its key, without it, and with another.

use super::rig::Rig;
use super::wait::until;
use grange::base::Timestamp;
use grange::pki::Authority;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

const FARM: &str = "farm: shop
farmRoles:
  - {alias: web, role: web-demo, cloudPlatform: onboard, instanceType: small,
     scaling: {minInstances: 1, maxInstances: 1}}
";
const PLANTED: [&str; 3] =
    ["planted-correct-horse-battery", "planted-staple-and-lamp", "planted-third-of-them"];

const BLOCK: [u8; 4096] = [0; 4096];

/// Whether a block has nothing but zeros.
fn is_nothing(block: &[u8]) -> bool {
    *block == BLOCK[..block.len()]
}

/// What was looked through, and what was found where.
#[derive(Default)]
struct Search {
    secrets: Vec<String>,
    bytes: u64,
    found: Vec<String>,
}

impl Search {
    fn through(&mut self, place: &str, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        // A server's disk is mostly nothing. No secret has a zero in it, so none reaches over a
        // block of them.
        for run in bytes.chunks(BLOCK.len()).collect::<Vec<_>>().split(|block| is_nothing(block)) {
            // Secrets are ASCII, which stays what it is; the library's search is fast in every
            // build.
            let run = run.concat();
            let text = String::from_utf8_lossy(&run);
            for secret in &self.secrets {
                if text.contains(secret.as_str()) {
                    self.found.push(format!("{secret} in {place}"));
                }
            }
        }
    }

    /// Every file below, also of servers' own file systems.
    fn below(&mut self, directory: &Path) {
        let Ok(entries) = fs::read_dir(directory) else { return };
        for entry in entries.flatten() {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            if kind.is_dir() {
                self.below(&path);
            } else if kind.is_file()
                && let Ok(bytes) = fs::read(&path)
            {
                self.through(&path.display().to_string(), &bytes);
            }
        }
    }

    /// What everybody on the machine sees of each process.
    fn command_lines(&mut self) {
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let path = entry.path().join("cmdline");
            if let Ok(bytes) = fs::read(&path) {
                self.through(&path.display().to_string(), &bytes);
            }
        }
    }

    fn end(self, at_least: u64) {
        assert!(self.bytes > at_least, "only {} bytes were looked through", self.bytes);
        assert!(self.found.is_empty(), "{:#?}", self.found);
    }
}

fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|b| String::from_utf8_lossy(b));
    format!("{out}{err}")
}

/// Asks for everything that shows anything of it.
fn ask_all(rig: &Rig, search: &mut Search) {
    let asked: [&[&str]; 9] = [
        &["variable", "list", "shop/web-1"],
        &["--json", "variable", "list", "shop/web-1"],
        &["--json", "variable", "get", "shop", "PASSWORD"],
        &["--json", "events"],
        &["explain", "shop"],
        &["--json", "explain", "shop/web-1"],
        &["--json", "token", "list"],
        &["--json", "status"],
        &["--json", "server", "list"],
    ];
    for arguments in asked {
        let output = rig.grange(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        search.through(&format!("{arguments:?}"), said(&output).as_bytes());
    }
}

fn data(rig: &Rig) -> PathBuf {
    rig.directory.join("data")
}

#[test]
fn no_secret_is_in_any_byte_of_a_used_appliance() {
    let mut rig = Rig::new("secrets");
    rig.start();
    rig.apply(FARM);
    rig.settled("web", 1, 60);
    let mut search = Search::default();
    let token = String::from_utf8(rig.grange(&["token", "create"]).stdout).unwrap();
    search.secrets.push(token.trim().to_owned());
    search.secrets.extend(PLANTED.map(str::to_owned));
    assert!(search.secrets.iter().all(|secret| secret.len() > 16));

    let mut outputs = vec![rig.hide("environment", "PASSWORD", PLANTED[0])];
    outputs.push(rig.hide("shop", "OTHER", PLANTED[1]));
    let args = ["variable", "set", "shop", "PASSWORD", "--value-from", "-"];
    outputs.push(rig.with_input(&args, PLANTED[2]));
    rig.kill();
    rig.start();
    outputs.push(rig.grange(&["rotate-key"]));
    assert!(said(&outputs[3]).contains("sealed anew: 3"), "{}", said(&outputs[3]));
    outputs.push(rig.grange(&["variable", "unset", "shop", "OTHER", "--yes"]));
    for output in &outputs {
        search.through("an answer", said(output).as_bytes());
    }
    ask_all(&rig, &mut search);
    search.command_lines();
    rig.stop();
    let doctor = rig.grange(&["appliance", "doctor", "--data", data(&rig).to_str().unwrap()]);
    assert!(said(&doctor).contains("2 hidden values open"), "{}", said(&doctor));
    search.through("doctor", said(&doctor).as_bytes());
    search.below(&data(&rig));
    search.through("the log", &fs::read(rig.directory.join("serve.log")).unwrap());
    search.end(1 << 20);
}

const APP: &str = "role: app
images:
  - {cloudPlatform: onboard, image: host}
setup:
  - {run: \"echo set up with $PASSWORD\"}
files:
  - {path: /etc/app.conf, template: \"password={{ vars.PASSWORD }}\\n\", mode: \"0600\"}
services:
  - {name: app, command: [sh, -c, \"echo $PASSWORD; echo $KEY >&2; exec sleep 9999\"],
     environment: {KEY: \"key-{{ vars.PASSWORD }}\"}}
";

/// Applies a role's manifest.
fn apply_role(rig: &Rig, manifest: &str) -> Output {
    rig.with_input(&["role", "apply", "-f", "-"], manifest)
}

#[test]
fn a_hidden_value_does_its_work_and_is_printed_nowhere() {
    let mut rig = Rig::new("hidden-work");
    rig.start();
    let mut search = Search { secrets: vec![PLANTED[0].to_owned()], ..Search::default() };
    apply_role(&rig, APP);
    rig.hide("environment", "PASSWORD", PLANTED[0]);
    rig.apply(&FARM.replace("web-demo", "app"));
    rig.settled("web", 1, 60);
    let run = |words: &[&str]| {
        let output = rig.grange(&[&["run", "shop/web-1", "--"], words].concat());
        assert!(output.status.success(), "{}", said(&output));
        said(&output)
    };
    let length = format!("test $(wc -c < /etc/app.conf) = {}", PLANTED[0].len() + 10);
    run(&["sh", "-c", &length]);
    let shown = run(&["cat", "/etc/app.conf"]);
    assert!(shown.contains("password=***"), "{shown}");
    let log = said(&rig.grange(&["server", "log", "shop/web-1"]));
    for expected in ["set up with ***", "key-***"] {
        assert!(log.contains(expected), "{expected}: {log}");
    }
    search.through("run", shown.as_bytes());
    search.through("server log", log.as_bytes());

    // What fails says so without it, and so does what cannot be rendered.
    let failing = APP.replace("echo set up with $PASSWORD", "echo no $PASSWORD; exit 3");
    let failing = said(&apply_role(&rig, &failing));
    let upgraded = said(&rig.grange(&["role", "upgrade", "app", "--yes"]));
    until("the journal to say why", 60, || {
        let said = said(&rig.grange(&["events"]));
        if said.contains("no ***") { Ok(()) } else { Err(said) }
    });
    let shown = APP.replace("exec sleep 9999", "exec sleep {{ vars.PASSWORD }}");
    let shown = said(&apply_role(&rig, &shown));
    rig.grange(&["role", "upgrade", "app", "--yes"]);
    until("the alert to say that a command shows it", 60, || {
        let said = said(&rig.grange(&["status"]));
        if said.contains("PASSWORD is hidden") { Ok(()) } else { Err(said) }
    });
    for text in [failing, upgraded, shown] {
        search.through("an answer", text.as_bytes());
    }
    ask_all(&rig, &mut search);
    search.command_lines();
    rig.stop();
    search.through("the log", &fs::read(rig.directory.join("serve.log")).unwrap());
    // A server's own file system has it where its role put it, for its own users.
    for name in ["store.redb", "store.wal", "series", "keys", "run", "search"] {
        let path = data(&rig).join(name);
        search.below(&path);
        if let Ok(bytes) = fs::read(&path) {
            search.through(name, &bytes);
        }
    }
    search.end(1 << 16);
}

#[test]
fn an_appliance_without_its_key_runs_and_says_what_it_cannot_do() {
    let mut rig = Rig::new("keyless");
    rig.start();
    rig.hide("environment", "PASSWORD", PLANTED[0]);
    rig.stop();
    let keys = data(&rig).join("keys/sealing.keys");
    let kept = fs::read(&keys).unwrap();
    fs::remove_file(&keys).unwrap();
    let doctor =
        || said(&rig.grange(&["appliance", "doctor", "--data", data(&rig).to_str().unwrap()]));
    assert!(doctor().contains("sealing.keys is missing"), "{}", doctor());
    // Another key than the one that sealed is told from none.
    fs::write(&keys, format!("{}\n", "ab".repeat(32))).unwrap();
    assert!(doctor().contains("which keys/sealing.keys does not have"), "{}", doctor());
    fs::remove_file(&keys).unwrap();

    rig.start();
    let status = said(&rig.grange(&["status"]));
    assert!(status.contains("hidden values can be neither read nor set"), "{status}");
    assert!(!keys.exists(), "a key that is missing is not made anew in silence");
    rig.apply(FARM);
    rig.settled("web", 1, 60);
    let refused = rig.grange(&["rotate-key"]);
    assert_eq!(refused.status.code(), Some(6), "{}", said(&refused));
    let plain = rig.grange(&["variable", "set", "shop", "MODE=prod"]);
    assert!(plain.status.success(), "{}", said(&plain));
    rig.stop();
    fs::write(&keys, kept).unwrap();
    rig.start();
    let rotated = said(&rig.grange(&["rotate-key"]));
    assert!(rotated.contains("sealed anew: 1"), "{rotated}");
    rig.stop();

    // One that is lost for good.
    fs::remove_file(&keys).unwrap();
    rig.start();
    let rotated = said(&rig.grange(&["rotate-key", "--lost"]));
    assert!(rotated.contains("1 hidden values do not open"), "{rotated}");
    let args = ["variable", "set", "environment", "PASSWORD", "--value-from", "-"];
    rig.with_input(&args, PLANTED[1]);
    let status = said(&rig.grange(&["status"]));
    assert!(!status.contains("hidden values"), "{status}");
}

#[test]
fn a_rotation_killed_anywhere_loses_nothing() {
    let mut rig = Rig::new("rotated");
    rig.start();
    for number in 0..60 {
        rig.hide("environment", &format!("V{number}"), &format!("planted-{number}"));
    }
    for delay in 0..super::count(6, 60) {
        let mut rotate = rig.command(&["rotate-key"]);
        let mut rotate = rotate.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // The moment is the point: each time a little later after the command began.
        std::thread::sleep(std::time::Duration::from_millis(20 * delay as u64));
        rig.kill();
        let _ = rotate.wait();
        rig.start();
        let keys = || fs::read_to_string(data(&rig).join("keys/sealing.keys")).unwrap();
        until("one key to be left", 10, || match keys().lines().count() {
            1 => Ok(()),
            count => Err(format!("{count} keys")),
        });
    }
    rig.stop();
    let doctor = rig.grange(&["appliance", "doctor", "--data", data(&rig).to_str().unwrap()]);
    assert!(said(&doctor).contains("60 hidden values open"), "{}", said(&doctor));
}

/// Whoever cleans up a directory takes the socket along, and the keys: nobody is locked out, now or
/// at the next start.
#[test]
fn a_socket_and_keys_that_are_taken_away_are_put_back() {
    let mut rig = Rig::new("put-back");
    rig.start();
    fs::remove_file(data(&rig).join("run/api.sock")).unwrap();
    until("the socket to be there again", 20, || {
        let output = rig.grange(&["status"]);
        if output.status.success() { Ok(()) } else { Err(said(&output)) }
    });
    let keys = data(&rig).join("keys");
    let files = ["authority.pem", "sealing.keys"].map(|name| keys.join(name));
    let before = files.each_ref().map(|path| fs::read(path).unwrap());
    fs::remove_dir_all(&keys).unwrap();
    until("the keys to be there again", 40, || {
        let found = files.each_ref().map(|path| fs::read(path).unwrap_or_default());
        if found == before { Ok(()) } else { Err(found.map(|bytes| bytes.len())) }
    });
    for path in &files {
        assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, 0o600, "{}", path.display());
    }
    for name in ["authority.pem", "sealing.keys"] {
        let status = said(&rig.grange(&["status"]));
        assert!(
            status.contains(&format!("keys/{name} was taken away; it was put back")),
            "{status}"
        );
    }
    // Emptied, replaced by another's, and by what is no file.
    let another = Authority::open(&data(&rig).join("another"), Timestamp(1_790_000_000_000));
    drop(another.unwrap());
    fs::copy(data(&rig).join("another/authority.pem"), &files[0]).unwrap();
    fs::remove_file(&files[1]).unwrap();
    fs::create_dir(&files[1]).unwrap();
    until("the keys to be what they were", 40, || {
        let found = files.each_ref().map(|path| fs::read(path).unwrap_or_default());
        if found == before { Ok(()) } else { Err(found.map(|bytes| bytes.len())) }
    });
    let status = said(&rig.grange(&["status"]));
    assert!(status.contains("what was there is keys/authority.pem.found"), "{status}");
    fs::write(&files[0], "").unwrap();
    until("the authority to be what it was", 40, || {
        let found = fs::read(&files[0]).unwrap_or_default();
        if found == before[0] { Ok(()) } else { Err(found.len()) }
    });
    rig.kill();
    rig.start();
}
