//! A real engine behind TLS that asks for certificates: every way to say it wrongly, and a farm on
//! the account that says it right, whose key is changed while it runs.

use super::appliance::Appliance;
use super::engine::{RealEngine, comes};
use super::yard::Yard;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Authorities and certificates, made with openssl in a yard.
struct Certificates<'y>(&'y Yard);

impl Certificates<'_> {
    fn at(&self, name: &str) -> String {
        self.0.directory.join(name).display().to_string()
    }

    fn openssl(&self, arguments: &[&str]) -> String {
        let output = Command::new("openssl").args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn authority(&self, name: &str) {
        let (key, cert) = (self.at(&format!("{name}.key")), self.at(&format!("{name}.pem")));
        let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
        let about = ["-subj", &format!("/CN={name}"), "-days", "30", "-x509"];
        let into = ["-keyout", &key, "-out", &cert];
        self.openssl(&[&["req"][..], &curve, &about, &into].concat());
    }

    /// Signed by an authority, for so many days from now, with these extensions.
    fn signed(&self, name: &str, by: &str, days: &str, extensions: &str) {
        let file = |kind: &str| self.at(&format!("{name}.{kind}"));
        let (key, request, cert, ext) = (file("key"), file("csr"), file("pem"), file("ext"));
        fs::write(&ext, extensions).unwrap();
        let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
        let about = ["-subj", &format!("/CN={name}"), "-keyout", &key, "-out", &request];
        self.openssl(&[&["req"][..], &curve, &about].concat());
        let (ca, ca_key) = (self.at(&format!("{by}.pem")), self.at(&format!("{by}.key")));
        let signed = ["x509", "-req", "-in", &request, "-CA", &ca, "-CAkey", &ca_key];
        let into = ["-CAcreateserial", "-extfile", &ext, "-out", &cert];
        self.openssl(&[&signed[..], &["-days", days], &into].concat());
    }
}

/// A process in the name space; ended when dropped.
struct Other(Child);

impl Other {
    fn start(yard: &Yard, argv: &[&str]) -> Other {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", yard.space)).args(argv);
        command.current_dir(&yard.directory);
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Other(quiet.spawn().unwrap())
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

const FARM: &str = "farm: pages\nfarmRoles:\n  - alias: web\n    role: box\n    \
                    cloudPlatform: docker\n    instanceType: nano\n    \
                    scaling: {minInstances: 1, maxInstances: 4}\n";

const ADD: [&str; 6] = ["cloud", "add", "docker", "--name", "home", "--endpoint"];
const RIGHT: &str = "tcp://172.31.250.1:2376";
const OWN: [&str; 6] = ["--ca", "ca.pem", "--cert", "client.pem", "--key", "client.key"];

/// Each is one error that names the field.
fn wrong_ways_are_told(appliance: &Appliance, pin: &str) {
    let wrong = |endpoint: &str, more: &[&str], field: &str, words: &str| {
        let said = appliance.fails(&[&ADD[..], &[endpoint], more].concat());
        assert!(said.contains(&format!("{field}: ")) && said.contains(words), "{more:?}: {said}");
        assert!(!said.contains("PRIVATE KEY"), "{said}");
    };
    wrong(RIGHT, &[], "endpoint", "it speaks TLS");
    wrong(RIGHT, &["--ca", "stranger.pem"], "options.ca", "not by the authority");
    wrong(RIGHT, &["--ca", "client.key"], "options.ca", "no PEM certificate");
    wrong(RIGHT, &["--ca", "ca.pem"], "options.cert", "does not take our certificate");
    let foreign = ["--ca", "ca.pem", "--cert", "foreign.pem", "--key", "foreign.key"];
    wrong(RIGHT, &foreign, "options.cert", "does not take our certificate");
    let mixed = ["--ca", "ca.pem", "--cert", "client.pem", "--key", "second.key"];
    wrong(RIGHT, &mixed, "options.key", "joining a certificate and its key");
    wrong(RIGHT, &["--ca", "ca.pem", "--cert", "client.pem"], "options.key", "its private key");
    wrong(RIGHT, &["--cert", "client.pem", "--key", "client.key"], "options.ca", "whom to believe");
    wrong(RIGHT, &["--pin", "12"], "options.pin", "64 hexadecimal digits");
    let other_pin = pin.replace(&pin[..2], if &pin[..2] == "AA" { "BB" } else { "AA" });
    let pinned = ["--pin", &other_pin, "--cert", "client.pem", "--key", "client.key"];
    wrong(RIGHT, &pinned, "options.ca", "nor the one of pin");
    wrong("tcp://127.0.0.1:2376", &OWN, "endpoint", "it is for 172.31.250.1");
    wrong("tcp://172.31.250.1:2377", &OWN, "endpoint", "its certificate expired at 20");
    wrong("tcp://172.31.250.1:2378", &OWN, "endpoint", "does not speak TLS");
    wrong("tcp://172.31.250.1:2379", &OWN, "endpoint", "nothing answers");
    wrong("unix:///var/run/docker.sock", &OWN, "options.ca", "TLS is for tcp://");
}

#[test]
fn an_engine_behind_tls_is_known_and_knows_us() {
    let yard = Yard::new("tls");
    let made = Certificates(&yard);
    let server = "subjectAltName = IP:172.31.250.1\nextendedKeyUsage = serverAuth\n";
    let client = "extendedKeyUsage = clientAuth\n";
    made.authority("ca");
    made.authority("stranger");
    made.signed("server", "ca", "30", server);
    made.signed("old", "ca", "0", server);
    made.signed("client", "ca", "30", client);
    made.signed("second", "ca", "30", client);
    made.signed("foreign", "stranger", "30", client);
    let [ca, cert, key] = ["ca.pem", "server.pem", "server.key"].map(|name| made.at(name));
    let pin = made.openssl(&["x509", "-in", &cert, "-noout", "-fingerprint", "-sha256"]);
    let pin = pin.trim().split_once('=').unwrap().1.to_owned();
    let secret = fs::read_to_string(made.at("client.key")).unwrap();
    let more = ["--host", "tcp://0.0.0.0:2376", "--tlsverify"];
    let files = ["--tlscacert", &ca, "--tlscert", &cert, "--tlskey", &key];
    let old = ["-cert", "old.pem", "-key", "old.key", "-accept", "172.31.250.1:2377"];
    let more = [&more[..], &files].concat();
    let engine = RealEngine::start_in(yard, 250, &more);
    let yard = &engine.yard;
    let _old = Other::start(yard, &[&["openssl", "s_server", "-www"][..], &old].concat());
    let _plain = Other::start(yard, &["busybox", "httpd", "-f", "-p", "172.31.250.1:2378"]);
    let appliance = Appliance::start(&engine.yard);

    wrong_ways_are_told(&appliance, &pin);
    appliance.grange(&[&ADD[..], &[RIGHT], &OWN].concat());
    fs::write(engine.yard.directory.join("role.yaml"), ROLE).unwrap();
    appliance.grange(&["role", "apply", "-f", "role.yaml"]);
    appliance.apply(FARM);
    appliance.run(&["web-1"], "the farm comes up");
    // Another key and a pin, while it runs.
    let files = ["--cert", "second.pem", "--key", "second.key"];
    let pinned = ["--unset", "ca", "--pin", &pin];
    appliance.grange(&[&["cloud", "edit", "home"][..], &files, &pinned].concat());
    appliance.apply(&FARM.replace("minInstances: 1", "minInstances: 2"));
    appliance.run(&["web-1", "web-2"], "one more, with the other key");

    // Nobody is shown the key, and it lies nowhere as it is.
    let body = secret.lines().nth(1).unwrap();
    let shown = appliance.grange(&["cloud", "show", "home", "-o", "json"]);
    assert!(shown.contains("\"secrets\"") && !shown.contains("PRIVATE KEY"), "{shown}");
    assert!(!appliance.grange(&["events", "--json"]).contains(body));
    let data = engine.yard.directory.join("grange-data");
    let found = Command::new("grep").args(["-rlF", body]).arg(&data).output().unwrap();
    assert!(found.stdout.is_empty(), "{}", String::from_utf8_lossy(&found.stdout));
    appliance.grange(&["farm", "terminate", "pages", "--yes"]);
    let empty = || engine.ours("grange.appliance").is_empty();
    assert!(comes(Duration::from_secs(60), empty));
}

const ROLE: &str = "role: box\nimages:\n  - {cloudPlatform: docker, image: \"busybox:1.36\"}\n";
