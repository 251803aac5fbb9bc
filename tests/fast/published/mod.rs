//! Published ports, with the real service over a store in memory: who may have one, which servers
//! are behind it, and what is said of it.

use crate::explain::site::Site;
use crate::people::admin;
use grange::clouds::publication::{NamedServer, Published};
use grange::model::{Grant, MemberDown};
use grange::service::farms::{self, manifests, published, roles};
use grange::service::{journal, lookup, plans};
use grange::wire::agent::MessageBody;
use grange::wire::api::ManifestRequest;
use grange::wire::api::farms::PublishedView;
use grange::wire::role::RoleManifestRequest;

fn farm(name: &str, role: &str, size: &str, publish: &str) -> String {
    format!(
        "farm: {name}\nfarmRoles:\n  - alias: web\n    role: {role}\n    \
         cloudPlatform: simulated\n    instanceType: {size}\n    \
         scaling: {{minInstances: 2, maxInstances: 3}}\n    \
         grange: {{publish: [{publish}]}}\n"
    )
}

/// A role whose port `http` is this number.
fn role(site: &Site, port: u16) {
    let images = "images: [{cloudPlatform: simulated, image: host}]";
    let manifest = format!("role: api\n{images}\nports: {{http: {port}}}\n");
    let input = RoleManifestRequest { manifest, ..RoleManifestRequest::default() };
    roles::apply(&site.service, &admin(), &input).unwrap();
}

fn refused(site: &Site, manifest: &str) -> String {
    let request = ManifestRequest { manifest: manifest.to_owned(), ..ManifestRequest::default() };
    manifests::apply(&site.service, &admin(), &request).unwrap_err().to_string()
}

/// The servers behind each published port, by host name and their own port.
fn behind(site: &Site) -> Vec<String> {
    let wanted = published::wanted(&site.service).unwrap();
    let servers = site.servers();
    let name = |ip: String| {
        // A site gives a server of each farm role the same addresses.
        let web = servers.iter().filter(|server| server.hostname.starts_with("web"));
        let found = web.into_iter().find(|server| server.address() == Some(&ip));
        found.map_or(ip.clone(), |server| server.hostname.clone())
    };
    let publications =
        wanted.of_platforms.get("simulated").into_iter().flat_map(|of| &of.published);
    let mut all: Vec<String> = publications
        .flat_map(|one| &one.servers)
        .map(|at| format!("{}:{}", name(at.ip().to_string()), at.port()))
        .collect();
    all.sort();
    all
}

fn views(site: &Site) -> Vec<PublishedView> {
    let service = &site.service;
    let farm = plans::farms(service).unwrap()[0];
    let role = service.read(&Grant::job("test"), |view| lookup::farm_roles_of(view, farm)).unwrap();
    let role = farms::role(service, &admin(), role[0].id).unwrap();
    role.grange.published
}

#[test]
fn servers_that_serve_are_behind_a_port_and_no_others() {
    let mut site = Site::new();
    site.apply_text(&farm("shop", "web-demo", "small", "{port: 80, to: 8080}"));
    assert_eq!(behind(&site), [""; 0], "nothing runs yet");
    site.act("settle");
    assert_eq!(behind(&site), ["web-1:8080", "web-2:8080"]);
    site.act("unready web-1");
    assert_eq!(behind(&site), ["web-2:8080"]);
    site.act("ready web-1");
    assert_eq!(behind(&site), ["web-1:8080", "web-2:8080"]);
    site.act("terminate web-2");
    site.act("plan");
    assert_eq!(behind(&site), ["web-1:8080"], "one that is to go gets nothing new");
    site.act("suspend farm");
    let wanted = published::wanted(&site.service).unwrap();
    assert!(wanted.is_empty(), "a farm that is stopped has no port: {wanted:?}");
}

/// A server that no balancer reaches serves nobody, whatever its own check says; where they reach
/// none of its farm role, it may be the balancers.
#[test]
fn servers_that_balancers_do_not_reach_are_behind_no_port() {
    let mut site = Site::new();
    let web = farm("shop", "web-demo", "small", "{port: 80, to: 8080}");
    let balancer = "  - alias: lb\n    role: haproxy\n    cloudPlatform: simulated\n    \
                    instanceType: small\n    scaling: {minInstances: 1, maxInstances: 1}\n    \
                    grange: {balance: {farmRole: web, port: 8080, listenPort: 80}}\n";
    site.apply_text(&format!("{web}{balancer}"));
    site.act("settle");
    let servers = site.servers();
    let named = |name: &str| servers.iter().find(|server| server.hostname == name).unwrap().id;
    let mut behind_while = |down: &[&str]| {
        let down = down.iter().map(|name| MemberDown {
            name: format!("{name}-{}", &named(name).to_string()[..8]),
            why: "L4 timeout".into(),
        });
        let down = down.collect();
        site.say(named("lb-1"), MessageBody::Members { members: 2, down });
        behind(&site)
    };
    assert_eq!(behind_while(&["web-1"]), ["web-2:8080"]);
    assert_eq!(behind_while(&["web-1", "web-2"]), ["web-1:8080", "web-2:8080"]);
    assert_eq!(behind_while(&[]), ["web-1:8080", "web-2:8080"]);
}

#[test]
fn servers_that_run_have_names_and_those_that_serve_their_farm_roles() {
    let mut site = Site::new();
    site.apply_text(&farm("shop", "web-demo", "small", "{port: 80, to: 8080}"));
    let names = |site: &Site| {
        let wanted = published::wanted(&site.service).unwrap();
        let farms = &wanted.of_platforms["simulated"].names;
        assert_eq!((farms.len(), farms[0].farm.as_str()), (1, "shop"));
        let line = |server: &NamedServer| {
            let serves = server.serves.clone().unwrap_or_default();
            format!("{} {} {serves}", server.address, server.hostname)
        };
        farms[0].servers.iter().map(line).collect::<Vec<String>>()
    };
    assert_eq!(names(&site), [""; 0], "nothing runs yet");
    site.act("settle");
    assert_eq!(names(&site), ["10.0.0.1 web-1 web", "10.0.0.2 web-2 web"]);
    site.act("unready web-1");
    assert_eq!(names(&site), ["10.0.0.1 web-1 ", "10.0.0.2 web-2 web"]);
    site.act("suspend farm");
    site.act("settle");
    assert_eq!(names(&site), [""; 0], "what sleeps is nowhere");
}

#[test]
fn each_server_listens_where_its_own_revision_says() {
    let mut site = Site::new();
    role(&site, 9001);
    site.apply_text(&farm("shop", "api", "small", "{port: 80, to: http}"));
    site.act("settle");
    assert_eq!(behind(&site), ["web-1:9001", "web-2:9001"]);
    role(&site, 9002);
    assert_eq!(behind(&site), ["web-1:9001", "web-2:9001"], "nothing runs that revision");
    let text = farm("shop", "api", "small", "{port: 80, to: http}");
    site.apply_text(&text.replace("role: api", "role: api\n    roleRevision: 2"));
    assert_eq!(behind(&site), ["web-1:9001", "web-2:9001"]);
    site.act("tick");
    site.act("settle");
    let now = behind(&site);
    assert!(now.iter().any(|at| at.ends_with(":9002")), "{now:?}");
}

#[test]
fn a_port_that_cannot_be_had_is_a_fault_with_its_line() {
    let mut site = Site::new();
    role(&site, 9001);
    site.apply_text(&farm("shop", "web-demo", "small", "{port: 80, to: 8080}"));
    site.act("settle");
    let said =
        refused(&site, &farm("other", "api", "small", "{port: 81, to: 1}, {port: 80, to: 1}"));
    let fault = "line 8: farmRoles[0].grange.publish[1].port: port 80 is published by shop/web";
    assert!(said.contains(fault), "{said}");
    let said = refused(&site, &farm("other", "api", "small", "{port: 81, to: htpp}"));
    let fault = "revision 1 of role api has no port htpp: there are http";
    assert!(said.contains(&format!("publish[0].to: {fault}")), "{said}");
    let said = refused(&site, &farm("other", "web-demo", "small", "{port: 81, to: http}"));
    assert!(said.contains("names no port: write its number"), "{said}");
    // What the farm itself publishes is no other's, and one on its way out has nothing any more.
    site.apply_text(&farm("shop", "web-demo", "small", "{port: 80, to: 8081}"));
    assert_eq!(behind(&site), ["web-1:8081", "web-2:8081"], "no server is rolled over for it");
    // A farm role that is not in the file stays, with its port.
    let web = farm("shop", "web-demo", "small", "{port: 80, to: 1}").replace("web\n", "api\n");
    let said = refused(&site, &web);
    assert!(said.contains("both want port 80") && said.contains("--prune"), "{said}");
}

#[test]
fn what_is_wrong_with_a_port_is_said_where_people_look_until_it_is_over() {
    let mut site = Site::new();
    site.apply_text(&farm("shop", "web-demo", "small", "{port: 80, to: 8080}"));
    site.act("settle");
    let service = site.service.clone();
    assert_eq!(views(&site)[0].line(), "port 80 to 8080, no server, not open yet");
    let say = |wrong: Option<&str>, open: &[&str]| {
        let wanted = published::wanted(&service).unwrap();
        let key = wanted.of_platforms["simulated"].published[0].key.clone();
        let open = open.iter().map(|at| at.parse().unwrap()).collect();
        published::take(
            &service,
            &wanted,
            vec![Published { key, open, wrong: wrong.map(Into::into) }],
        );
    };
    let explained = || {
        let told = journal::explain::explain(&service, &admin(), "shop/web").unwrap();
        told.waiting.join("\n")
    };
    say(Some("another process has it"), &[]);
    let line = "port 80 to 8080, 2 servers: another process has it";
    assert_eq!(views(&site)[0].line(), line);
    assert!(explained().contains(line), "{}", explained());
    let alert = "a port cannot be published: shop/web: port 80: another process has it";
    assert_eq!(service.observed.alerts(), [alert]);
    say(None, &["192.0.2.1:80"]);
    assert_eq!(views(&site)[0].line(), "port 80 to 8080, 2 servers, at 192.0.2.1:80");
    assert!(!explained().contains("port 80"), "{}", explained());
    assert_eq!(service.observed.alerts(), [""; 0]);
}
