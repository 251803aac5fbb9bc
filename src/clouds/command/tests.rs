//! Files of programs, and programs that do what programs do.

use super::path::ListedServer;
use super::programs::ProgramFile;
use super::run::ProgramRequest;
use crate::base::limit::COMMAND_ANSWER_BYTES_MAX;
use crate::clouds::CloudError;
use crate::model::CloudState;
use serde_json::json;

fn file(launch: &str, more: &str) -> Result<ProgramFile, String> {
    ProgramFile::parse(&format!("[launch]\nid = 'id'\n{launch}\n{more}"))
}

#[test]
fn a_file_of_programs_is_read_or_told_what_would_be_right() {
    let check = |launch: &str, more: &str, expected: &str| {
        let why = file(launch, more).err().unwrap_or_default();
        assert!(why.contains(expected) && why.is_empty() == expected.is_empty(), "{more}: {why}");
    };
    check("run = 'aws ec2 run-instances --count 1'", "", "");
    check("run = ['a', 'b c']", "", "");
    check("run = 'a $B'", "", "no shell reads it");
    check("run = 'a $B'\nshell = true", "", "");
    check("run = ['a']\nshell = true", "", "one text");
    check("run = []", "", "which program");
    check("run = ''", "", "which program");
    check("run = 'a'\ntimeout-s = 0", "", "from 1 to 50");
    check("run = 'a'\ntimeout-s = 51", "", "from 1 to 50");
    check("run = 'a'\nstate = 'b'", "", "launch: it has id");
    check("run = 'a'\ncolour = 'b'", "", "line 4: unknown field `colour`");
    check("run = 'a'\naddress = 'b['", "", "stays open");
    check("run = 'a'", "[list]\nrun = 'b'", "list: id says where");
    check("run = 'a'", "[list]\nrun = 'b'\nid = 'x'\n[list.states]\nbusy = ['b']", "no state busy");
    check("run = 'a'", "[terminate]\nrun = 'b'\nid = 'x'", "is not read");
    check("run = 'a'", "[environment]\nGRANGE_SERVER = 'x'", "no name of a variable");
    check("run = 'a'", "[environment]\n'A=B' = 'x'", "no name of a variable");
    let why = ProgramFile::parse("[list]\nrun = 'a'\nid = 'b'").unwrap_err();
    assert!(why.contains("missing field `launch`"), "{why}");
}

#[test]
fn a_listing_is_whole_or_none() {
    let list = "[list]\nrun = 'b'\nid = 'i'\nitems = 'r[].s[]'\nstate = 'is'\nappliance = 'of'\n\
                [list.states]\nstopped = ['PowerOff']";
    let programs = file("run = 'a'", list).unwrap();
    let list = programs.list.unwrap();
    let check = |answer: serde_json::Value, expected: Result<&[(&str, CloudState)], &str>| match (
        list.read(&answer, "t"),
        expected,
    ) {
        (Ok(items), Ok(expected)) => {
            let told = |item: &ListedServer| (item.id.clone(), item.state);
            let wanted = expected.iter().map(|(id, state)| ((*id).to_owned(), *state));
            assert_eq!(items.iter().map(told).collect::<Vec<_>>(), wanted.collect::<Vec<_>>());
        }
        (Err(why), Err(part)) => assert!(why.contains(part), "{answer}: {why}"),
        (is, _) => panic!("{answer}: {is:?}"),
    };
    let one = |is: &str, of: &str| json!({"r": [{"s": [{"i": 1, "is": is, "of": of}]}]});
    check(one("RUNNING", "t"), Ok(&[("1", CloudState::Running)]));
    check(one("poweroff", "t"), Ok(&[("1", CloudState::Stopped)]));
    check(one("running", "another's"), Ok(&[]));
    check(one("odd", "t"), Err("server 1 is \"odd\""));
    check(json!({"r": []}), Ok(&[]));
    check(json!({"r": [{"s": []}]}), Ok(&[]));
    check(json!({"error": "try again"}), Err("leads nowhere"));
    check(json!([]), Err("leads nowhere"));
    check(json!({"r": [{"s": [{"is": "running", "of": "t"}]}]}), Err("a server without i"));
    check(json!({"r": [{"s": [{"i": "1", "of": "t"}]}]}), Err("no state"));
}

/// What a text for the shell comes to, as the launch program.
fn ask(script: &str) -> Result<String, CloudError> {
    let launch = format!("shell = true\ntimeout-s = 1\nrun = '''{script}'''");
    let programs = file(&launch, "[environment]\nOWN = 'own'").unwrap();
    let question =
        ProgramRequest::new(&programs, "launch", "tag", None).with("instanceType", "small");
    let answer = question.and("userData", json!({"token": "secret"})).ask(&programs.launch.program);
    answer.map(|bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn a_program_is_told_what_it_is_about_and_nothing_else() {
    let told = ask("cat; env | cut -d= -f1 | sort | tr '\\n' ' '; pwd").unwrap();
    let (request, rest) = told.split_once('}').unwrap();
    assert!(request.contains("\"token\":\"secret\""), "{told}");
    let (request, rest) = (format!("{request}{rest}"), rest);
    assert!(request.contains("\"instanceType\":\"small\""), "{told}");
    let names = rest.split_once('}').unwrap_or(("", rest)).1;
    let known = [
        "GRANGE_APPLIANCE",
        "GRANGE_INSTANCE_TYPE",
        "GRANGE_VERB",
        "HOME",
        "LANG",
        "OLDPWD",
        "OWN",
        "PATH",
        "PWD",
        "SHLVL",
        "_",
        "/",
    ];
    let others: Vec<&str> = names.split_whitespace().filter(|n| !known.contains(n)).collect();
    assert!(others.iter().all(|name| name.contains('"')), "{others:?}");
    for name in ["GRANGE_INSTANCE_TYPE", "GRANGE_VERB", "OWN"] {
        assert!(told.contains(name), "{told}");
    }
    assert!(told.trim_end().ends_with('/'), "{told}");
}

#[test]
fn how_a_program_ends_says_what_came_of_it() {
    let check = |script: &str, expected: fn(&CloudError) -> bool, words: &str| {
        let error = ask(script).unwrap_err();
        assert!(expected(&error) && error.to_string().contains(words), "{script}: {error}");
    };
    check(
        "echo; echo ' no such image ' >&2; exit 3",
        |e| matches!(e, CloudError::Refused(_)),
        "launch: no such image",
    );
    check("exit 3", |e| matches!(e, CloudError::Refused(_)), "ended with exit code 3");
    check("exit 69", |e| matches!(e, CloudError::NoCapacity(_)), "exit code 69");
    check("exit 74", CloudError::is_unknown, "exit code 74");
    check("exit 75", |e| matches!(e, CloudError::Busy(_)), "exit code 75");
    check("exit 77", |e| matches!(e, CloudError::Credentials(_)), "exit code 77");
    check("kill -9 $$", CloudError::is_unknown, "signal 9");
    check("sleep 30", CloudError::is_unknown, "did not end within 1 s");
    check("trap '' TERM; sleep 30 & wait; wait", CloudError::is_unknown, "did not end within 1 s");
    check("sleep 30 & exit 0", CloudError::is_unknown, "holds its output open");
    let long = format!("head -c {} /dev/zero", COMMAND_ANSWER_BYTES_MAX + 1);
    check(&long, CloudError::is_unknown, "printed more than");
    let whole = format!("head -c {COMMAND_ANSWER_BYTES_MAX} /dev/zero | tr '\\0' x");
    assert_eq!(ask(&whole).unwrap().len(), COMMAND_ANSWER_BYTES_MAX);
    let none = file("run = '/nowhere/launch'", "").unwrap();
    let error =
        ProgramRequest::new(&none, "launch", "tag", None).ask(&none.launch.program).unwrap_err();
    assert!(matches!(&error, CloudError::Refused(why) if why.contains("/nowhere")), "{error}");
}

#[test]
fn what_a_program_leaves_in_its_group_ends_with_it() {
    for (name, after) in [("late", "wait; wait"), ("open", "exit 0")] {
        let file = std::env::temp_dir().join(format!("grange-left-{name}-{}", std::process::id()));
        ask(&format!("trap '' TERM; sleep 600 & echo $! > {}; {after}", file.display()))
            .unwrap_err();
        let pid = std::fs::read_to_string(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        let stat = format!("/proc/{}/stat", pid.trim());
        let lives = || std::fs::read_to_string(&stat).is_ok_and(|text| !text.contains(") Z "));
        let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while lives() {
            assert!(std::time::Instant::now() < end, "{name}: process {pid} is still there");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}
