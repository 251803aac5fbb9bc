//! Certificates made, kept, renewed and read back; and real handshakes with them.

use super::*;
use crate::base::{Clock, ServerId, WallClock};
use crate::net::tls::{
    Alpn, DeviceKey, Identity, Names, Peer, Serving, Trust, accept, agents_port, client_config,
    connect,
};
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const DAY_MS: u64 = 86_400_000;

/// A directory of this test's own, removed when it ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        let name = format!("grange-pki-{}", &crate::base::random::secret_text()[..16]);
        Scratch(std::env::temp_dir().join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn names() -> Vec<String> {
    vec!["127.0.0.1".into(), "grange.test".into(), "::1".into()]
}

#[test]
fn the_authority_is_kept_and_its_file_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let keys = Scratch::new();
    let now = WallClock::new().now();
    let first = Authority::open(&keys.0, now).unwrap();
    let again = Authority::open(&keys.0, now).unwrap();
    assert_eq!(first.fingerprint(), again.fingerprint());
    assert_eq!(first.fingerprint_text().len(), 64);
    let file = keys.0.join("authority.pem");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(&keys.0)), (0o600, 0o700));

    std::fs::write(&file, "not a certificate").unwrap();
    assert!(matches!(Authority::open(&keys.0, now), Err(PkiError::Damaged(_))));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "not a certificate");
}

#[test]
fn an_authority_that_was_there_is_never_made_again() {
    let keys = Scratch::new();
    let now = WallClock::new().now();
    let missing = Authority::open_kept(&keys.0, None);
    assert!(matches!(missing, Err(PkiError::Missing(_))));
    assert!(!keys.0.join("authority.pem").exists());
    let first = Authority::open(&keys.0, now).unwrap().fingerprint_text();
    assert_eq!(Authority::open_kept(&keys.0, Some(&first)).unwrap().fingerprint_text(), first);
    let another = Authority::open_kept(&keys.0, Some(&"0".repeat(64)));
    assert!(matches!(another, Err(PkiError::Another { .. })));
}

#[test]
fn no_flipped_bit_of_an_identity_is_taken() {
    let keys = Scratch::new();
    let now = WallClock::new().now();
    let authority = Authority::open(&keys.0, now).unwrap();
    server_identity(&authority, &keys.0, &names(), now).unwrap();
    let expected = authority.fingerprint_text();
    let flipped = |file: &str, at: usize| {
        let path = keys.0.join(file);
        let good = std::fs::read(&path).unwrap();
        let mut bytes = good.clone();
        let at = at % bytes.len();
        bytes[at] ^= 1 << (at % 7);
        std::fs::write(&path, bytes).unwrap();
        (path, good)
    };
    for at in (0..2000).step_by(13) {
        let (path, good) = flipped("authority.pem", at);
        if let Ok(opened) = Authority::open_kept(&keys.0, Some(&expected)) {
            // Outside of what counts, as in a line of dashes: it is the same one.
            assert_eq!(opened.fingerprint_text(), expected);
        }
        std::fs::write(path, good).unwrap();
        let (path, good) = flipped("server.pem", at);
        let made = server_identity(&authority, &keys.0, &names(), now).unwrap();
        assert!(made.renewed, "byte {at}");
        std::fs::write(path, good).unwrap();
    }
}

#[test]
fn the_servers_certificate_follows_its_names_and_its_days() {
    let keys = Scratch::new();
    let now = WallClock::new().now();
    let authority = Authority::open(&keys.0, now).unwrap();
    let check = |names: &[String], now: Timestamp, renewed: bool| {
        let got = server_identity(&authority, &keys.0, names, now).unwrap();
        assert_eq!(got.renewed, renewed, "{names:?} at {now}");
    };
    check(&names(), now, true);
    check(&names(), now, false);
    let mut shuffled = names();
    shuffled.reverse();
    shuffled.push("::1".into());
    check(&shuffled, now, false);
    check(&names()[..2], now, true);
    check(&names(), now, true);
    check(&names(), now.after(334 * DAY_MS), false);
    check(&names(), now.after(336 * DAY_MS), true);
    std::fs::write(keys.0.join("server.pem"), "-----BEGIN PRIVATE KEY-----").unwrap();
    check(&names(), now, true);
}

#[test]
fn an_agents_certificate_says_what_we_say_and_carries_its_key() {
    let keys = Scratch::new();
    let now = WallClock::new().now();
    let authority = Authority::open(&keys.0, now).unwrap();
    let key = DeviceKey::generate().unwrap();
    let request = key.request_pem().unwrap();
    assert_eq!(request_key_digest(&request).unwrap(), key.digest());
    let signed = authority.sign_agent(ServerId(42), &request, now).unwrap();
    assert_eq!(signed.key_digest, key.digest());
    assert_eq!(signed.ends.since(now), 90 * DAY_MS);
    let (_, leaf) = x509_parser::pem::parse_x509_pem(signed.chain_pem.as_bytes()).unwrap();
    assert_eq!(identify(&leaf.contents).unwrap(), (ServerId(42), key.digest()));
    let parsed = leaf.parse_x509().unwrap();
    assert_eq!(
        parsed.validity().not_before.timestamp(),
        now.before(DAY_MS).0 / 1000,
        "backdated for servers whose clock is behind"
    );
    let uses = parsed.extended_key_usage().unwrap().unwrap().value;
    assert!(uses.client_auth && !uses.server_auth && !parsed.is_ca());
}

#[test]
fn wishes_and_bad_requests_are_not_granted() {
    let keys = Scratch::new();
    let now = WallClock::new().now();
    let authority = Authority::open(&keys.0, now).unwrap();
    let pair = rcgen::KeyPair::generate().unwrap();
    let mut wish = rcgen::CertificateParams::new(vec!["grange.test".to_owned()]).unwrap();
    wish.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    wish.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let asked = wish.serialize_request(&pair).unwrap().pem().unwrap();
    let signed = authority.sign_agent(ServerId(7), &asked, now).unwrap();
    let (_, leaf) = x509_parser::pem::parse_x509_pem(signed.chain_pem.as_bytes()).unwrap();
    assert_eq!(identify(&leaf.contents).unwrap().0, ServerId(7));
    assert!(!leaf.parse_x509().unwrap().is_ca());

    let ed25519 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let other = wish.serialize_request(&ed25519).unwrap().pem().unwrap();
    assert!(matches!(authority.sign_agent(ServerId(7), &other, now), Err(PkiError::KeyKind)));
    // Another key's request under this one's signature.
    let (mut stolen, mine) =
        (pem_lines(&asked), pem_lines(&DeviceKey::generate().unwrap().request_pem().unwrap()));
    stolen[3] = mine[2].clone();
    for bad in [stolen.join("\n"), String::new(), "x".repeat(70_000), names().join("")] {
        assert!(matches!(request_key_digest(&bad), Err(PkiError::Request(_))), "{bad}");
    }
    let appliance = server_identity(&authority, &keys.0, &names(), now).unwrap();
    let (_, leaf) = x509_parser::pem::parse_x509_pem(appliance.chain_pem.as_bytes()).unwrap();
    assert!(matches!(identify(&leaf.contents), Err(PkiError::NotAnAgent(_))));
}

fn pem_lines(pem: &str) -> Vec<String> {
    pem.lines().map(str::to_owned).collect()
}

/// Shakes hands over loopback and says what each end saw; `None` is a refusal.
async fn handshake(
    server: std::sync::Arc<crate::net::tls::ServerConfig>,
    client: std::sync::Arc<crate::net::tls::ClientConfig>,
    name: &str,
) -> Option<Peer> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let listening = async {
        let (socket, _) = listener.accept().await.unwrap();
        let (mut stream, peer) = accept(&server, socket).await.ok()?;
        stream.write_all(b"hi").await.ok()?;
        stream.shutdown().await.ok()?;
        Some(peer)
    };
    let dialling = async {
        let socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let mut stream = connect(&client, socket, name).await.ok()?;
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await.ok()?;
        (heard == "hi").then_some(())
    };
    let (peer, heard) = tokio::join!(listening, dialling);
    heard.and(peer)
}

#[tokio::test]
async fn handshakes_believe_our_authority_alone() {
    let (keys, other_keys) = (Scratch::new(), Scratch::new());
    let now = WallClock::new().now();
    let ours = Authority::open(&keys.0, now).unwrap();
    let other = Authority::open(&other_keys.0, now).unwrap();
    let shown = server_identity(&ours, &keys.0, &names(), now).unwrap();
    let serving = Serving::new(Identity::from_pem(&shown.chain_pem, &shown.key_pem).unwrap());
    let port = agents_port(serving.clone(), ours.certificate_pem()).unwrap();
    let key = DeviceKey::generate().unwrap();
    let agent_of = |authority: &Authority| {
        let request = key.request_pem().unwrap();
        let signed = authority.sign_agent(ServerId(9), &request, now).unwrap();
        Identity::from_pem(&signed.chain_pem, &key.to_pem()).unwrap()
    };
    let (agent, foreign) = (agent_of(&ours), agent_of(&other));
    let whole = |a: &Authority| Trust::Authority(a.certificate_pem().to_owned());
    let pinned = |a: &Authority| Trust::Fingerprint(a.fingerprint());
    let check = async |trust: Trust, names, who: Option<&Identity>, dialled: &str, good: bool| {
        let client = client_config(&trust, names, who, Alpn::Mqtt).unwrap();
        let peer = handshake(port.clone(), client, dialled).await;
        assert_eq!(peer.is_some(), good, "{trust:?} {names:?} {dialled}");
        let Some(peer) = peer else { return };
        assert_eq!(peer.alpn, Some(Alpn::Mqtt));
        assert_eq!(peer.certificate.is_some(), who.is_some());
        if let Some(certificate) = peer.certificate {
            assert_eq!(identify(&certificate).unwrap(), (ServerId(9), key.digest()));
        }
    };
    for trust in [whole(&ours), pinned(&ours)] {
        check(trust.clone(), Names::Any, None, "10.1.2.3", true).await;
        check(trust.clone(), Names::Any, Some(&agent), "10.1.2.3", true).await;
        check(trust.clone(), Names::Checked, None, "127.0.0.1", true).await;
        check(trust.clone(), Names::Checked, None, "grange.test", true).await;
        check(trust.clone(), Names::Checked, None, "10.1.2.3", false).await;
        check(trust, Names::Any, Some(&foreign), "10.1.2.3", false).await;
    }
    check(whole(&other), Names::Any, None, "127.0.0.1", false).await;
    check(pinned(&other), Names::Any, None, "127.0.0.1", false).await;

    // An agent's certificate is no server's, though it is of the right authority.
    serving.replace(agent.clone());
    check(pinned(&ours), Names::Any, None, "127.0.0.1", false).await;
    serving.replace(Identity::from_pem(&shown.chain_pem, &shown.key_pem).unwrap());
    check(pinned(&ours), Names::Any, None, "127.0.0.1", true).await;
}
