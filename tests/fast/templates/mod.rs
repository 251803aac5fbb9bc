//! What templates of roles ask of the farms they are used in, with the real service over a store in
//! memory: farm roles by their aliases, and ports of those.

use crate::explain::site::Site;
use crate::people::admin;
use grange::base::RoleId;
use grange::model::Grant;
use grange::service::farms::{self, manifests, roles};
use grange::service::lookup;
use grange::wire::api::ManifestRequest;
use grange::wire::manifest;
use grange::wire::role::{RoleManifestRequest, RoleUpgradeRequest};

/// Makes role `api`, or its next revision, of the words of its one service.
fn api(site: &Site, words: &str) -> u64 {
    role(site, "api", &format!("services: [{{name: api, command: [api, {words}]}}]"))
}

fn role(site: &Site, name: &str, rest: &str) -> u64 {
    let images = "images: [{cloudPlatform: simulated, image: host}]";
    let manifest = format!("role: {name}\n{images}\n{rest}\n");
    let input = RoleManifestRequest { manifest, ..RoleManifestRequest::default() };
    roles::apply(&site.service, &admin(), &input).unwrap().id
}

fn farm(farm_roles: &[(&str, &str)]) -> String {
    let one = |(alias, role): &(&str, &str)| {
        format!(
            "  - {{alias: {alias}, role: {role}, cloudPlatform: simulated, instanceType: small}}\n"
        )
    };
    format!("farm: shop\nfarmRoles:\n{}", farm_roles.iter().map(one).collect::<String>())
}

/// What a dry run says against a manifest; nothing where it is right.
fn faults(site: &Site, manifest: String, prune: bool) -> Vec<String> {
    let request = ManifestRequest { manifest, prune, dry_run: true, ..ManifestRequest::default() };
    match manifests::apply(&site.service, &admin(), &request) {
        Ok(_) => Vec::new(),
        Err(problem) => problem.to_string().split("; ").map(str::to_owned).collect(),
    }
}

/// A farm of one farm role of `api`, with what is laid over that.
fn over(overrides: &str) -> String {
    format!(
        "farm: shop\nfarmRoles:\n  - alias: web\n    role: api\n    cloudPlatform: simulated\n    \
         instanceType: small\n    scaling: {{minInstances: 1, maxInstances: 1}}\n    \
         grange:\n      overrides: {overrides}\n"
    )
}

fn apply(site: &Site, manifest: String) {
    let request = ManifestRequest { manifest, ..ManifestRequest::default() };
    manifests::apply(&site.service, &admin(), &request).unwrap();
}

const GOING: &str = "farmRoles[web].role: services: api, line 1: asks for farm.role('db'), which \
                     is to be removed: let the role do without it first";

fn site() -> Site {
    let site = Site::new();
    role(&site, "postgres", "ports: {sql: 5432}");
    api(&site, "\"{{ farm.role('db').addresses | first }}:{{ farm.role('db').ports.sql }}\"");
    site
}

#[test]
fn a_farm_role_that_a_template_asks_for_is_there() {
    let site = site();
    assert_eq!(faults(&site, farm(&[("web", "api"), ("db", "postgres")]), false), [""; 0]);
    assert_eq!(
        faults(&site, farm(&[("web", "api"), ("dbs", "postgres")]), false),
        ["line 3: farmRoles[0].role: role api, services: api, line 1: asks for farm.role('db'), \
          and farm shop has no farm role of that alias: did you mean dbs?"]
    );
    assert_eq!(
        faults(&site, farm(&[("api", "api"), ("db", "web-demo")]), false),
        ["line 3: farmRoles[0].role: role api, services: api, line 1: asks for \
          farm.role('db').ports.sql, and db has no port of that name: its role declares none"]
    );
    // Beside those of the file are those that are there and stay.
    apply(&site, farm(&[("db", "postgres")]));
    assert_eq!(faults(&site, farm(&[("web", "api")]), false), [""; 0]);
    assert_eq!(faults(&site, farm(&[("web", "api")]), true), [GOING]);
}

#[test]
fn a_template_may_ask_first_whether_a_farm_role_is_there() {
    let site = site();
    api(&site, "\"{% if 'x' in farm.roles %}{{ farm.role('x').count }}{% endif %}\"");
    let loops = "\"{% for s in farm.role('db').servers %}{{ s.address }}{% endfor %}\"";
    role(&site, "loop", &format!("services: [{{name: l, command: [l, {loops}]}}]"));
    let all = [("web", "api"), ("db", "postgres"), ("loop", "loop")];
    assert_eq!(faults(&site, farm(&all), false), [""; 0]);
}

#[test]
fn nothing_is_taken_up_or_removed_that_leaves_a_template_without_its_farm_role() {
    let site = site();
    apply(&site, farm(&[("web", "api"), ("db", "postgres")]));
    assert_eq!(faults(&site, farm(&[("web", "api")]), true), [GOING]);
    let role = api(&site, "\"{{ farm.role('cache').count }}\"");
    // The farm role keeps its revision; what it would take up is another matter.
    assert_eq!(faults(&site, farm(&[("web", "api")]), false), [""; 0]);
    let input = RoleUpgradeRequest { farm: 1, dry_run: true, ..RoleUpgradeRequest::default() };
    let refused = roles::upgrade(&site.service, &admin(), RoleId(role), &input).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "farmRoles[web].role: services: api, line 1: asks for farm.role('cache'), and farm shop \
         has no farm role of that alias: there are db, web"
    );
}

/// A role with a service, a file and a part of setup.
const WHOLE: &str = "setup: [{run: first}, {run: second}]
files: [{path: /etc/a, template: \"{{ ports.http }}\"}]
services: [{name: api, command: [api], environment: {MODE: prod, KEPT: 'yes'}}]
ports: {http: 80}";

#[test]
fn what_a_farm_role_says_itself_has_to_fit_its_role() {
    let site = Site::new();
    role(&site, "api", WHOLE);
    let check = |overrides: &str, expected: &str| {
        let faults = faults(&site, over(overrides), false);
        assert_eq!(faults, [expected], "{overrides}");
    };
    let at = "line 9: farmRoles[0].grange.overrides";
    check(
        "{environment: {apy: {MODE: x}}}",
        &format!("{at}.environment.apy: role api has no service apy: did you mean api?"),
    );
    check(
        "{environment: {api: {MODE: '{{ ports.htp }}'}}}",
        &format!("{at}.environment.api.MODE: `ports.htp` is no port of the role, which has http"),
    );
    check(
        "{files: [{path: /etc/a, content: x, restart: db}]}",
        &format!("{at}.files[0].restart: role api has no service db: there are api"),
    );
    check(
        "{files: [{path: /etc/a, source: a.conf}]}",
        &format!(
            "{at}.files[0].source: a farm's manifest has no files beside it: say it here, or in \
             the role"
        ),
    );
    check(
        "{check: {port: 80}}",
        &format!("{at}.check: what makes a server ready is said under grange.check"),
    );
    check(
        "{setup: [{run: a}, {run: a}]}",
        &format!("{at}.setup: two parts are called \"a\": give one of them a name"),
    );
    check(
        &format!("{{setup: [{{run: '{}'}}]}}", "x".repeat(17_000)),
        &format!("{at}: 17000 bytes of texts: at most 16384"),
    );
    // What it asks for is looked at where it stands.
    check(
        "{environment: {api: {PEERS: \"{{ farm.role('db').count }}\"}}}",
        "line 4: farmRoles[0].role: role api, services: api, line 1: asks for farm.role('db'), \
         and farm shop has no farm role of that alias: there are web",
    );
}

#[test]
fn what_a_farm_role_says_itself_is_rolled_out_and_shown() {
    let site = Site::new();
    role(&site, "api", WHOLE);
    apply(&site, over("{}"));
    let changed = over(
        "{environment: {api: {MODE: trial}}, setup: [{run: other, name: second, timeout: 1h}, \
          {run: third}], files: [{path: /etc/a, content: x}]}",
    );
    let request = ManifestRequest { manifest: changed.clone(), ..ManifestRequest::default() };
    let result = manifests::apply(&site.service, &admin(), &request).unwrap();
    let short: Vec<&str> = result.changes.iter().filter_map(|l| l.split(" text ").next()).collect();
    assert_eq!(
        short,
        [
            "farmRoles[web].grange.overrides.environment.api.MODE: none -> \"trial\"",
            "farmRoles[web].grange.overrides.files[/etc/a]: none ->",
            "farmRoles[web].grange.overrides.setup[second]: none ->",
            "farmRoles[web].grange.overrides.setup[third]: none ->",
        ]
    );
    let (shop, made) = site
        .service
        .read(&Grant::job("test"), |view| {
            let role = lookup::all_farm_roles(view)?.remove(0);
            Ok((role.farm, (role.clone(), lookup::recipe_of_make(view, &role.make())?)))
        })
        .unwrap();
    let (farm_role, recipe) = made;
    assert_eq!(farm_role.revision, 2, "what servers are made of is something else");
    assert_eq!(farm_role.setup_ms, 600_000 + 3_600_000 + 600_000);
    let setup: Vec<&str> = recipe.setup.iter().map(|part| part.script.as_str()).collect();
    assert_eq!(setup, ["first", "other", "third"]);
    assert_eq!((recipe.files.len(), recipe.files[0].content.as_str()), (1, "x"));
    let mode = &recipe.services[0].environment;
    assert_eq!((mode["MODE"].as_str(), mode["KEPT"].as_str()), ("trial", "yes"));
    let shown = farms::role(&site.service, &admin(), farm_role.id).unwrap().grange.overrides;
    let lines = ["environment of api: MODE", "file /etc/a", "setup second", "setup third"];
    assert_eq!(shown, lines);
    let exported = manifests::export(&site.service, &admin(), shop).unwrap().manifest;
    assert_eq!(
        manifest::parse(&exported).map(|read| read.farm_roles[0].overrides.clone()),
        manifest::parse(&changed).map(|read| read.farm_roles[0].overrides.clone())
    );

    // Another revision keeps what was laid over, and has to have what that is laid over.
    let id = role(&site, "api", "services: [{name: served, command: [api]}]");
    let input = RoleUpgradeRequest { farm: shop.0, ..RoleUpgradeRequest::default() };
    let refused = roles::upgrade(&site.service, &admin(), RoleId(id), &input).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "farmRoles[web].grange.overrides: over revision 2: role api has no service api: there are \
         served"
    );
}
