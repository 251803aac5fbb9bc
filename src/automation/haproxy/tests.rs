//! The file, whole, for one topology; and what differs for others.

use super::*;
use crate::base::Name;

fn balance() -> Balance {
    let farm_role = Name::new("web").unwrap();
    Balance { farm_role, port: 8080, listen_port: 80, check_path: "/healthz".into() }
}

fn backend(name: &str, address: &str, state: BackendState) -> Backend {
    Backend { name: name.into(), address: address.into(), port: 8080, state }
}

fn rendered(servers: Vec<Backend>) -> String {
    render(&Topology { generation: 7, balance: balance(), servers, maintenance: false }).content
}

/// Lines of a file that say something, without their indentation.
fn said(content: &str) -> Vec<&str> {
    let lines = content.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

#[test]
fn a_topology_becomes_a_file() {
    let content = rendered(vec![
        backend("web-1", "10.9.0.2", BackendState::Up),
        backend("web-2", "10.9.0.3", BackendState::Draining),
    ]);
    let head = "# Written by Grange from topology 7. Do not edit: the next change replaces it.\n\
                # Balances farm role web: 2 of its servers, on port 80.\n";
    assert!(content.starts_with(head), "{content}");
    assert!(content.ends_with('\n') && !content.ends_with("\n\n"), "{content:?}");
    let backend: Vec<&str> =
        said(&content).into_iter().skip_while(|line| *line != "frontend clients").collect();
    assert_eq!(
        backend,
        [
            "frontend clients",
            "bind \"${GRANGE_ADDRESS-*}:80\"",
            "default_backend servers",
            "backend servers",
            "balance leastconn",
            "option httpchk",
            "http-check send meth GET uri '/healthz' ver HTTP/1.1 hdr host grange-check",
            "http-check expect status 200-399",
            "http-request disable-l7-retry unless METH_GET",
            "http-error status 503 content-type text/plain string \
             \"503: farm role web has no server that passes its check\\n\"",
            "default-server inter 1s fastinter 300ms downinter 500ms fall 2 rise 1 \
             observe layer4 error-limit 1 on-error mark-down",
            "option allbackups",
            "server web-1 10.9.0.2:8080 check",
            "server web-2.leaving 10.9.0.3:8080 check backup",
        ]
    );
}

/// The digest of the settings, as the file says it.
fn settings(topology: &Topology) -> String {
    let content = render(topology).content;
    let line = said(&content).into_iter().find(|line| line.starts_with("description "));
    line.unwrap().to_owned()
}

#[test]
fn members_are_no_settings_and_everything_else_is() {
    let empty =
        Topology { generation: 7, balance: balance(), servers: Vec::new(), maintenance: false };
    let before = settings(&empty);
    assert_eq!(before.len(), "description \"settings \"".len() + 2 * SETTINGS_BYTES);
    let both = [BackendState::Up, BackendState::Draining];
    let servers = both.map(|state| backend("web-1", "10.9.0.2", state)).to_vec();
    assert_eq!(settings(&Topology { servers, generation: 8, ..empty.clone() }), before);
    let other = |balance: Balance| settings(&Topology { balance, ..empty.clone() });
    for changed in [
        other(Balance { listen_port: 81, ..balance() }),
        other(Balance { check_path: "/other".into(), ..balance() }),
        other(Balance { farm_role: Name::new("app").unwrap(), ..balance() }),
        settings(&Topology { maintenance: true, ..empty.clone() }),
    ] {
        assert_ne!(changed, before);
    }
}

#[test]
fn what_people_typed_cannot_end_a_word_or_a_line() {
    let check = |backends: Vec<Backend>, expected: &[&str]| {
        let content = rendered(backends);
        let servers: Vec<&str> =
            said(&content).into_iter().filter(|line| line.starts_with("server ")).collect();
        assert_eq!(servers, expected);
    };
    check(
        vec![backend("a\nb c", "10.0.0.1", BackendState::Up)],
        &["server a-b-c 10.0.0.1:8080 check"],
    );
    check(vec![backend("a", "10.0.0.1\nserver x 10.0.0.2", BackendState::Up)], &[]);
    check(vec![backend("a", "fd00::1", BackendState::Up)], &["server a [fd00::1]:8080 check"]);
    let path = "/a'\nlisten x".to_owned();
    let balance = Balance { check_path: path, ..balance() };
    let content =
        render(&Topology { generation: 7, balance, servers: Vec::new(), maintenance: false })
            .content;
    assert!(content.contains("uri '/a'\\''listen x' ver"), "{content}");
}

#[test]
fn the_same_topology_gives_the_same_bytes() {
    let topology = Topology {
        generation: 7,
        balance: balance(),
        servers: vec![backend("web-1", "10.9.0.2", BackendState::Up)],
        maintenance: false,
    };
    assert_eq!(render(&topology), render(&topology.clone()));
    assert_eq!(render(&topology).check, ["haproxy", "-c", "-f", "{}"]);
}

#[test]
fn a_maintenance_page_stands_before_the_servers() {
    let servers = vec![backend("web-1", "10.9.0.2", BackendState::Up)];
    let topology = Topology { generation: 7, balance: balance(), servers, maintenance: true };
    let content = render(&topology).content;
    assert!(content.contains("default_backend maintenance\n\nbackend maintenance\n"), "{content}");
    assert!(content.contains("http-request return status 503 "), "{content}");
    assert!(content.contains("</p>\"\n\nbackend servers\n"), "{content}");
}
