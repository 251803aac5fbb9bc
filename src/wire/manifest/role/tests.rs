//! Roles as people write them: what is read, what is refused, and that what is written is read
//! again as the same.

use super::*;
use crate::model::{OnChange, Restart, RoleFile, RoleService, SetupPart, StopBy};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

const WHOLE: &str = include_str!("whole.yaml");

fn beside() -> BTreeMap<String, String> {
    let text = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    [
        text("bootstrap.sh", "#!/bin/sh\nexec true\n"),
        text("files/motd", "hello\n"),
        text("peers.j2", "{{ farm.name }}\n"),
    ]
    .into()
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let faults = read(text, &beside()).finish().err().unwrap_or_default();
    let said: Vec<String> = faults.iter().map(Fault::to_string).collect();
    assert_eq!(said, expected, "\n{text}");
}

/// FaultsFound of lines after the first two.
#[track_caller]
fn check_with(fields: &str, expected: &[&str]) {
    check(
        &format!("role: x\nimages: [{{cloudPlatform: onboard, image: host}}]\n{fields}"),
        expected,
    );
}

#[test]
fn the_whole_of_a_role_is_read() {
    let role = read(WHOLE, &beside()).finish().unwrap();
    assert_eq!((role.role.as_str(), role.description.as_str()), ("my-api", "The API"));
    let Recipe { setup, files, services, ports, check } = role.recipe;
    let part = |name: &str, script: &str| SetupPart {
        name: name.to_owned(),
        script: script.to_owned(),
        run_as: None,
        timeout_ms: 600_000,
        rerun: false,
    };
    let install = "apt-get install -y python3";
    let bootstrap = part("bootstrap.sh", "#!/bin/sh\nexec true\n");
    let bootstrap = SetupPart { run_as: Some("root".to_owned()), rerun: true, ..bootstrap };
    assert_eq!(setup, [SetupPart { timeout_ms: 900_000, ..part(install, install) }, bootstrap]);
    let file = &files[0];
    assert_eq!((file.path.as_str(), file.template, file.mode), ("/etc/my-api.conf", true, 0o640));
    assert_eq!(file.on_change, Some(OnChange::Reload("my-api".to_owned())));
    assert_eq!(file.content, "port={{ ports.http }}\n");
    assert_eq!(
        (files[1].content.as_str(), files[1].mode, files[1].template),
        ("hello\n", 0o644, false)
    );
    assert_eq!((files[2].content.as_str(), files[2].template), ("{{ farm.name }}\n", true));
    let service = &services[0];
    assert_eq!(service.command[0], "/usr/bin/python3");
    assert_eq!(service.environment["PORT"], "8080");
    assert_eq!((service.restart, service.open_files), (Restart::OnFailure, Some(4096)));
    assert_eq!(service.stop, StopBy { signal: "INT".to_owned(), within_ms: 30_000 });
    assert_eq!(ports["http"], 8080);
    assert_eq!(check, Some(ReadyCheck { port: 8080, path: Some("/".to_owned()) }));
    assert_eq!(sources(WHOLE), ["bootstrap.sh", "files/motd", "peers.j2"]);
}

#[test]
fn every_template_is_told_with_its_place() {
    let told = read(WHOLE, &beside()).templates;
    let paths: Vec<&str> = told.iter().map(|(path, _)| path.as_str()).collect();
    let expected = [
        "files[0].template",
        "files[2].templateSource",
        "services[0].command[0]",
        "services[0].command[1]",
        "services[0].command[2]",
        "services[0].command[3]",
        "services[0].environment.MODE",
        "services[0].environment.PORT",
    ];
    assert_eq!(paths, expected);
}

#[test]
fn faults_come_at_once_with_their_lines() {
    check(
        "role: my_api\nimags: []\n",
        &[
            "line 1: images: a role needs an image for each platform, as {cloudPlatform: onboard, \
             image: host}",
            "line 1: role: \"my_api\" is not a name: use 1 to 63 letters, digits and '-', with a \
             letter or digit at both ends",
            "line 2: imags: unknown field \"imags\": did you mean images?",
        ],
    );
    check("", &["line 1: the manifest is empty: it needs at least `role: <name>`"]);
    let second =
        "a second document begins here: one file is one role, so give it a file of its own";
    check("role: a\n---\nrole: b\n", &[&format!("line 3: {second}")]);
    check(
        "role: x\nimages: [{cloudPlatform: onboard, image: host}, \
         {cloudPlatform: onboard, image: 'a b'}]",
        &[
            "line 2: images[1].cloudPlatform: a second image for onboard: one for each platform",
            "line 2: images[1].image: \"a b\" is not 1 to 200 letters, digits, '-', '_', '.', \
             ':' and '/'",
        ],
    );
}

#[test]
fn setup_says_what_is_done() {
    let neither = "say what is done: a command under run, or a file under script";
    check_with("setup: [{timeout: 1m}]", &[&format!("line 3: setup[0].run: {neither}")]);
    let both = "a part is a command under run or a file under script, not both";
    check_with(
        "setup: [{run: a, script: bootstrap.sh}]",
        &[&format!("line 3: setup[0].script: {both}")],
    );
    check_with("setup: [{run: ' '}]", &["line 3: setup[0].run: a command that is empty"]);
    check_with(
        "setup: [{script: none.sh}]",
        &["line 3: setup[0].script: none.sh was not sent along with the manifest"],
    );
    for outside in ["../x", "/etc/passwd", "a/../../x", "./x", "a//b", ""] {
        let text = format!("setup: [{{script: '{outside}'}}]");
        let faults = read(
            &format!("role: x\nimages: [{{cloudPlatform: onboard, image: host}}]\n{text}"),
            &beside(),
        );
        let faults = faults.finish().unwrap_err();
        assert!(faults[0].message.contains("is not a file beside the manifest"), "{faults:?}");
        assert_eq!(sources(&text), Vec::<String>::new());
    }
    check_with(
        "setup:\n  - {run: a, timeout: 500ms}\n  - {run: a, runAs: 'ro ot', rerun: yes}",
        &[
            "line 4: setup[0].timeout: 500ms is not within 1s to 24h",
            "line 5: setup[1].runAs: \"ro ot\" is not a user's name, such as www-data",
            "line 5: setup[1].rerun: expected true or false, found \"yes\"",
        ],
    );
}

#[test]
fn files_have_one_text_and_a_place() {
    for path in ["etc/x", "/etc/../x", "/etc//x", "/", "/etc/", "/a/./b", "C:x"] {
        let at = format!("line 3: files[0].path: {path:?} is not an absolute path such as");
        let at = format!("{at} /etc/my-api.conf, without . and ..");
        check_with(&format!("files: [{{path: '{path}', content: a}}]"), &[&at]);
    }
    let none = "say what is in it: content, template, or a file under source or templateSource";
    check_with("files: [{path: /a}]", &[&format!("line 3: files[0].content: {none}")]);
    check_with(
        "files: [{path: /a, content: a, template: b}]",
        &["line 3: files[0].template: only one of content, template, source, templateSource"],
    );
    for mode in ["640x", "0888", "1", "07777x", "00777"] {
        let text = format!("{mode:?} is not a mode: three or four octal digits, as 0640");
        check_with(
            &format!("files: [{{path: /a, content: a, mode: '{mode}'}}]"),
            &[&format!("line 3: files[0].mode: {text}")],
        );
    }
    check_with(
        "files:\n  - {path: /a, content: a, reload: web}\n\
         \x20 - {path: /a, content: b, restart: wbe}\n\
         services: [{name: web, command: [/w]}]",
        &[
            "line 5: files[1].path: /a is there twice",
            "line 5: files[1].restart: no service wbe in this role: there are web",
        ],
    );
    check_with(
        "files: [{path: /a, content: a, reload: web, restart: web}]\n\
         services: [{name: web, command: [/w]}]",
        &["line 3: files[0].restart: a change reloads a service or restarts one, not both"],
    );
    check_with(
        "files: [{path: /a, content: a, reload: web}]",
        &["line 3: files[0].reload: no service web in this role: the role has no services"],
    );
    check_with(
        "files: [{path: /a, content: a, check: ['']}]",
        &["line 3: files[0].check: the first word is the program: it is empty"],
    );
    check_with("files: [{path: /a, content: ''}]", &[]);
}

#[test]
fn services_have_a_name_and_a_command() {
    check_with(
        "services: [{name: web}, {name: web, command: []}, {name: db, command: [' ']}]",
        &[
            "line 3: services[1].name: another service has this name",
            "line 3: services[1].command: the first word is the program: it is empty",
            "line 3: services[2].command: the first word is the program: it is empty",
        ],
    );
    check_with(
        "services: [{name: web, command: run it}]",
        &["line 3: services[0].command: expected a list, as [a, b], found \"run it\""],
    );
    check_with(
        "services:\n  - name: web\n    command: [/w, /w]\n\
         \x20   environment: {1A: b, 'A-B': c, _A: d}\n    restart: sometimes\n\
         \x20   stop: {signal: KILL, within: 2h}\n    limits: {openFiles: 1, cpu: 2}",
        &[
            "line 6: services[0].environment.1A: \"1A\" is not a variable's name, such as MODE",
            "line 6: services[0].environment.A-B: \"A-B\" is not a variable's name, such as MODE",
            "line 7: services[0].restart: \"sometimes\" is not known: there are always, \
             on-failure, never",
            "line 8: services[0].stop.signal: \"KILL\" is not known: there are TERM, INT, \
             QUIT, HUP, USR1, USR2",
            "line 8: services[0].stop.within: 2h is not within 1s to 1h",
            "line 9: services[0].limits.openFiles: 1 is not within 16 to 1048576",
            "line 9: services[0].limits.cpu: unknown field \"cpu\": there are openFiles",
        ],
    );
}

#[test]
fn ports_are_known_by_their_names() {
    check_with(
        "ports: {http: 0, Http: 1, admin: 81, other: 81}\ncheck: {port: htp}",
        &[
            "line 3: ports.http: 0 is not within 1 to 65535",
            "line 3: ports.Http: \"Http\" is not a port's name: small letters, digits and \
             '_', as http",
            "line 3: ports.other: 81 is the port admin already",
            "line 4: check.port: no port \"htp\" under ports: there are admin, other",
        ],
    );
    check_with(
        "check: {port: http}",
        &["line 3: check.port: no port \"http\": say which under ports, or write its number"],
    );
    check_with("check: {port: 80}", &[]);
}

#[test]
fn what_nobody_sees_and_what_is_too_much_is_refused() {
    check_with(
        "files: [{path: /a, content: \"a\\u0000b\"}]",
        &["line 3: files[0].content: only characters that can be seen: \\u{0} is none"],
    );
    let half = "x".repeat(ROLE_TEXT_BYTES_MAX / 2 + 1);
    check_with(
        &format!("files: [{{path: /a, content: {half}}}, {{path: /b, content: {half}}}]"),
        &["line 1: role: 262146 bytes of scripts, files and commands: at most 262144"],
    );
    let many: Vec<String> = (0..101).map(|n| format!("{{path: /{n}, content: a}}")).collect();
    check_with(
        &format!("files: [{}]", many.join(", ")),
        &["line 3: files: 101 files: at most 100"],
    );
}

/// Texts of one and of several lines, with what YAML could take for something else.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{1,20}",
        "([ -~\t]{0,12}\n){1,4}",
        "\n{0,2}[ -~\t]{1,9}\n{0,3}",
        select(vec![
            "null", "~", "- a", "a: b", "# no", "'", "\"", "|", "yes", "1", "{{ x }}", "\u{e9}\n"
        ])
        .prop_map(str::to_owned),
    ]
}

fn services() -> impl Strategy<Value = RoleService> {
    let restart = select(vec![Restart::Always, Restart::OnFailure, Restart::Never]);
    let stop = (select(STOP.to_vec()), 1..3600u64);
    let user = option::of(select(vec!["root", "www-data"]).prop_map(str::to_owned));
    let rest = (vec(texts(), 0..3), btree_map("[A-Z_]{1,5}", texts(), 0..3), user);
    (restart, stop, rest, option::of(16..=1_048_576u64), any::<bool>()).prop_map(
        |(restart, (signal, within), (mut command, environment, run_as), open_files, placed)| {
            command.insert(0, "/bin/x".to_owned());
            let stop = StopBy { signal: signal.to_owned(), within_ms: within * 1000 };
            let directory = placed.then(|| "/srv/a b".to_owned());
            let name = String::new();
            RoleService { name, command, run_as, directory, environment, restart, stop, open_files }
        },
    )
}

const STOP: [&str; 3] = ["TERM", "INT", "USR2"];

fn files() -> impl Strategy<Value = RoleFile> {
    let what = (texts(), any::<bool>(), 0..=0o7777u32, option::of(Just("app".to_owned())));
    (what, vec(texts(), 0..3), 0..3u8).prop_map(
        |((content, template, mode, owner), mut check, change)| {
            if !check.is_empty() {
                check.insert(0, "check".to_owned());
            }
            let on_change = match change {
                0 => None,
                1 => Some(OnChange::Reload("s0".to_owned())),
                _ => Some(OnChange::Restart("s0".to_owned())),
            };
            RoleFile { path: String::new(), content, template, mode, owner, check, on_change }
        },
    )
}

fn parts() -> impl Strategy<Value = SetupPart> {
    let script = texts().prop_filter("says something", |text| !text.trim().is_empty());
    let name = option::of("[a-z][a-z ]{0,8}[a-z]");
    (script, name, 1..86_400u64, any::<bool>()).prop_map(|(script, name, seconds, rerun)| {
        SetupPart {
            name: name.unwrap_or_else(|| setup::first_line(&script).to_owned()),
            script,
            run_as: None,
            timeout_ms: seconds * 1000,
            rerun,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_written_is_read_as_the_same(
        setup in vec(parts(), 0..3),
        files in vec(files(), 0..3),
        services in vec(services(), 1..3),
        named in any::<bool>(),
        command in vec(texts(), 0..2),
    ) {
        let mut recipe = Recipe { setup, files, services, ..Recipe::default() };
        for (n, file) in recipe.files.iter_mut().enumerate() {
            file.path = format!("/etc/{n} conf");
        }
        for (n, service) in recipe.services.iter_mut().enumerate() {
            service.name = format!("s{n}");
        }
        if named {
            recipe.ports.insert("http".to_owned(), 8080);
        }
        recipe.check = Some(ReadyCheck { port: 8080, path: None });
        let (platform, cloud_image_id) = ("onboard".to_owned(), "builtin:x".to_owned());
        let image = RoleImage { platform, cloud_image_id, command };
        let manifest = RoleManifest {
            role: Name::new("x").unwrap(),
            description: "y: z".to_owned(),
            automation: vec![Automation::Haproxy],
            images: vec![image],
            recipe,
        };
        let text = write(&manifest, &["Role x".to_owned()]);
        let read = read(&text, &BTreeMap::new()).finish();
        prop_assert_eq!(read.as_ref(), Ok(&manifest), "{}", text);
    }
}
