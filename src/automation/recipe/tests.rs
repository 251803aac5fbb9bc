//! What templates make of a farm, and what is said of those that cannot be rendered.

use super::*;
use crate::model::{Restart, StopBy};

fn member(alias: &str, index: u32) -> SceneServer {
    let hostname = format!("{alias}-{index}");
    SceneServer {
        name: format!("shop/{hostname}"),
        hostname,
        index,
        address: format!("10.0.0.{index}"),
    }
}

fn scene() -> (Scene, Stage) {
    let ports = |name: &str, port| BTreeMap::from([(name.to_owned(), port)]);
    let db = Tier { ports: ports("sql", 5432), servers: vec![member("db", 1), member("db", 2)] };
    let roles = BTreeMap::from([("db".into(), db), ("cache".into(), Tier::default())]);
    let vars = [("MODE", "prod"), ("PASSWORD", "hunter2")];
    let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let hidden = BTreeSet::from(["PASSWORD".to_owned()]);
    (
        Scene::new("shop", &roles),
        Stage { server: member("api", 3), vars, hidden, of_setup: BTreeSet::new() },
    )
}

fn recipe(text: &str) -> Recipe {
    let file = RoleFile {
        path: "/etc/x".into(),
        content: text.into(),
        template: true,
        mode: 0o640,
        owner: None,
        check: Vec::new(),
        on_change: None,
    };
    let ports = BTreeMap::from([("http".to_owned(), 8080)]);
    Recipe { files: vec![file], ports, ..Recipe::default() }
}

fn rendered(text: &str) -> Result<String, String> {
    let (scene, stage) = scene();
    match render(&recipe(text), &scene, &stage).0 {
        Ok(workload) => Ok(workload.files[0].content.clone()),
        Err(error) => Err(format!("{error} ({})", error.is_lasting)),
    }
}

#[test]
fn templates_see_their_server_its_farm_and_nothing_else() {
    let check = |text: &str, expected: &str| assert_eq!(rendered(text).unwrap(), expected);
    check("port={{ports.http}}\n", "port=8080\n");
    check("{{server.name}} {{server.hostname}} {{server.index}}", "shop/api-3 api-3 3");
    check("{{farm.name}}:{{server.address}}", "shop:10.0.0.3");
    check("{{farm.role('db').addresses | join(',')}}", "10.0.0.1,10.0.0.2");
    check("{{farm.roles.db.addresses | first}}", "10.0.0.1");
    check("{{farm.role('db').ports.sql}} {{farm.role('cache').count}}", "5432 0");
    check("{% for s in farm.role('db').servers %}{{s.hostname}}\n{% endfor %}", "db-1\ndb-2\n");
    check("{{vars.MODE}} {{vars.NONE is defined}}", "prod False");
    // Nothing is escaped, and text without a template is left alone.
    check("{{'<a & \"b\">'}}", "<a & \"b\">");
    check("{ % } } {\n\n", "{ % } } {\n\n");
}

#[test]
fn what_cannot_be_rendered_says_where_and_whether_to_wait() {
    let check = |text: &str, expected: &str| assert_eq!(rendered(text).unwrap_err(), expected);
    check(
        "\n{{farm.role('dbx').addresses}}",
        "files: /etc/x, line 2: invalid operation: the farm has no farm role dbx (true)",
    );
    check(
        "{{vars.MODE}}{{vars.NONE}}",
        "files: /etc/x, line 1: no value of variable NONE: grange variable set (false)",
    );
    check(
        "{{vars.PASSWORD.x.y}}{{vars.PASSWORD | int}}",
        "files: /etc/x, line 1: a name in it has no value (false)",
    );
    check(
        "{{farm.role(vars.PASSWORD)}}",
        "files: /etc/x, line 1: invalid operation: the farm has no farm role *** (true)",
    );
    check(
        "{{farm.role('cache').addresses | first}}",
        "files: /etc/x, line 1: a name in it has no value (false)",
    );
    check(
        "{% for i in range(99999) %}{% for i in range(99999) %}{% endfor %}{% endfor %}",
        "files: /etc/x, line 1: it takes more than 100000 steps (true)",
    );
    check("{{ 'x' * 300000 }}", "files: /etc/x: it comes to more than 262144 bytes (true)");
    assert!(rendered("{{'x' | indent(99999999999)}}").is_err());
}

fn serving(words: &[&str], environment: (&str, &str)) -> Result<Workload, Unrendered> {
    let service = RoleService {
        name: "api".into(),
        command: words.iter().map(|word| word.to_string()).collect(),
        run_as: None,
        directory: None,
        environment: BTreeMap::from([(environment.0.to_owned(), environment.1.to_owned())]),
        restart: Restart::Always,
        stop: StopBy::default(),
        open_files: None,
    };
    let ports = BTreeMap::from([("http".to_owned(), 8080)]);
    let recipe = Recipe { services: vec![service], ports, ..Recipe::default() };
    let (scene, stage) = scene();
    render(&recipe, &scene, &stage).0
}

#[test]
fn hidden_variables_go_into_environments_and_into_no_command() {
    let workload = serving(&["serve"], ("KEY", "{{vars.PASSWORD}}")).unwrap();
    assert_eq!(workload.services[0].environment["KEY"], "hunter2");
    assert_eq!(workload.hidden, ["hunter2"]);
    assert_eq!(format!("{workload:?}"), "Workload(0 parts of setup, 0 files, 1 services)");
    for word in ["--key={{vars.PASSWORD}}", "{{vars['PASSWORD']}}", "{{vars.PASSWORD | upper}}"] {
        let why = serving(&["serve", word], ("A", "")).unwrap_err();
        assert!(why.is_lasting, "{word}");
        assert_eq!(
            why.to_string(),
            "services: api, line 1: variable PASSWORD is hidden, and a command is shown to every \
             user of the server: have it read from its environment or from a file",
            "{word}"
        );
    }
    let all = serving(&["serve", "{{vars}}"], ("A", "")).unwrap();
    assert!(!all.services[0].command[1].contains("hunter2"), "nor all of them at once");
}

#[test]
fn commands_and_environments_are_templates_too() {
    let environment = ("PEERS", "{{farm.role('db').count}}");
    let workload = serving(&["serve", "{{ports.http}}"], environment).unwrap();
    assert_eq!(workload.services[0].command, ["serve", "8080"]);
    assert_eq!(workload.services[0].environment["PEERS"], "2");
    assert_eq!(workload.environment["MODE"], "prod");
}

fn faults_of(text: &str) -> Vec<Unrendered> {
    let recipe = recipe(text);
    faults_of_template("files: /etc/x", &recipe.files[0].content, &recipe.ports)
}

#[test]
fn a_role_alone_knows_what_its_templates_cannot_mean() {
    let check = |text: &str, expected: &[&str]| {
        let faults = faults_of(text);
        let told: Vec<String> = faults.iter().map(Unrendered::to_string).collect();
        assert_eq!(told, expected, "{text}");
        assert!(faults.iter().all(|fault| fault.is_lasting));
    };
    check("{{ports.http}} {{vars.X}} {{farm.role('any').addresses}} {{server.index}}", &[]);
    check("{% for s in farm.role('db').servers %}{{s.address}}{% endfor %}", &[]);
    check("{% for i in range(3) %}{{i}}{% endfor %}", &[]);
    check(
        "{{ports.htp}}{{port}}{{server.ip}}{{farm.id}}",
        &[
            "files: /etc/x: `farm.id` is not known of a farm, only name, role('ALIAS') and roles",
            "files: /etc/x: `port` is not known: templates see farm, server, ports and vars",
            "files: /etc/x: `ports.htp` is no port of the role, which has http",
            "files: /etc/x: `server.ip` is not known of a server, only name, hostname, index, \
             address",
        ],
    );
    check(
        "{{ports.http | nosuch}}\n{{ports.http is odder}}{{ports.http | int is odd}}",
        &[
            "files: /etc/x, line 1: there is no filter `nosuch`",
            "files: /etc/x, line 2: there is no test `odder`",
        ],
    );
    let told = faults_of("a\n{{ports.http").remove(0);
    assert_eq!(told.line, 2, "{told}");
}
