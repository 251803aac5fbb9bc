//! The index in a directory of its own: what is found, what is remembered, what is rebuilt.

use super::*;
use std::fs;

/// A directory that goes with the test.
struct TempDir(PathBuf);

impl TempDir {
    fn new(name: &str) -> TempDir {
        let name = format!("grange-search-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        if path.exists() {
            fs::remove_dir_all(&path).unwrap();
        }
        TempDir(path)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn event(seq: u64, actor: &str, about: &str, text: &str) -> EventView {
    let (actor, about, text) = (actor.to_owned(), about.to_owned(), text.to_owned());
    EventView { seq, actor, verb: "server.act".into(), about, text, ..EventView::default() }
}

fn story() -> Vec<EventView> {
    vec![
        event(3, "admin", "shop", "declared farm shop"),
        event(5, "job:plan", "shop/web-3", "is to go: a person asked for it"),
        event(6, "job:execute", "shop/web-3", "onboard terminated it"),
        event(9, "job:execute", "shop/web-31", "Onboard Übergabe at 10.0.0.7"),
    ]
}

fn whole(dir: &TempDir) -> Search {
    let search = Search::open(&dir.0).unwrap();
    search.index(&story(), 12, 1).unwrap();
    search
}

#[test]
fn all_words_must_match_and_no_character_is_wrong() {
    let dir = TempDir::new("words");
    let search = whole(&dir);
    let check = |words: &str, expected: &[u64]| {
        assert_eq!(search.query(words, 10).unwrap(), expected, "{words:?}");
    };
    check("shop", &[9, 6, 5, 3]);
    check("ONBOARD shop", &[9, 6]);
    check("onboard declared", &[]);
    check("term", &[6]);
    check("über", &[9]);
    check("shop/web-3", &[6, 5]);
    check("10.0.0.7", &[9]);
    check("job:plan", &[5]);
    check("server.act declared", &[3]);
    check("", &[]);
    check(" \"*?:()[]{}^~\\/+-!&| \0 ", &[]);
    check("\"shop AND (OR text:* +-", &[]);
    check("+shop \" !declared*", &[3]);
    check(&"x".repeat(5_000), &[]);
    assert_eq!(search.query("shop", 2).unwrap(), [9, 6]);
}

#[test]
fn what_was_committed_is_there_after_opening_again() {
    let dir = TempDir::new("reopen");
    assert_eq!(Search::open(&dir.0).unwrap().cursor(), 0);
    assert_eq!(whole(&dir).cursor(), 12);
    let search = Search::open(&dir.0).unwrap();
    assert_eq!((search.cursor(), search.query("declared", 9).unwrap()), (12, vec![3]));
    search.index(&[event(13, "admin", "blog", "declared farm blog")], 13, 6).unwrap();
    assert_eq!((search.cursor(), search.query("declared", 9).unwrap()), (13, vec![13]));
    assert_eq!(search.query("shop", 9).unwrap(), [9, 6], "what the journal forgot");
}

#[test]
fn many_small_commits_are_merged() {
    let dir = TempDir::new("merge");
    let search = Search::open(&dir.0).unwrap();
    for seq in 1..=20 {
        search.index(&[event(seq, "admin", "shop", "declared")], seq, 1).unwrap();
    }
    assert_eq!(search.query("declared", 99).unwrap().len(), 20);
    let segments = search.state().index.searchable_segment_ids().unwrap().len();
    assert!(segments < 10, "{segments} segments");
}

#[test]
fn a_damaged_index_begins_anew() {
    let check = |name: &str, damage: fn(&Path)| {
        let dir = TempDir::new(name);
        drop(whole(&dir));
        damage(&dir.0);
        let search = Search::open(&dir.0).unwrap();
        assert_eq!((search.cursor(), search.query("shop", 9).unwrap()), (0, vec![]), "{name}");
        search.index(&story(), 12, 1).unwrap();
        assert_eq!(search.query("declared", 9).unwrap(), [3], "{name}");
    };
    check("no-meta", |dir| fs::write(dir.join("meta.json"), "{\"seg").unwrap());
    check("cut", |dir| {
        for file in fs::read_dir(dir).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|e| e == "term" || e == "idx" || e == "fast") {
                fs::write(path, "cut").unwrap();
            }
        }
    });
    check("other-make", |dir| {
        fs::remove_dir_all(dir).unwrap();
        fs::create_dir_all(dir).unwrap();
        let mut schema = Schema::builder();
        schema.add_u64_field("number", FAST);
        drop(Index::create_in_dir(dir, schema.build()).unwrap());
    });
    check("a-file", |dir| {
        fs::remove_dir_all(dir).unwrap();
        fs::create_dir_all(dir).unwrap();
        fs::write(dir.join("stray"), "x").unwrap();
    });
}

#[test]
fn an_index_that_is_removed_while_open_begins_anew() {
    let dir = TempDir::new("removed");
    let search = whole(&dir);
    fs::remove_dir_all(&dir.0).unwrap();
    let later = event(13, "admin", "blog", "declared farm blog");
    assert!(search.index(&[later], 13, 6).is_err());
    assert_eq!((search.cursor(), search.query("shop", 9).unwrap()), (0, vec![]));
    search.index(&story(), 12, 1).unwrap();
    assert_eq!(search.query("declared", 9).unwrap(), [3]);
}

#[test]
fn files_that_changed_places_are_noticed() {
    let dir = TempDir::new("places");
    let search = whole(&dir);
    search.index(&[event(13, "admin", "blog", "declared farm blog")], 13, 1).unwrap();
    assert!(search.examine().unwrap());
    drop(search);
    let named = |end: &str| {
        let entries = fs::read_dir(&dir.0).unwrap().flatten().map(|entry| entry.path());
        let mut found: Vec<PathBuf> =
            entries.filter(|path| path.to_string_lossy().ends_with(end)).collect();
        found.sort();
        found
    };
    let fast = named(".fast");
    let [one, other, ..] = fast.as_slice() else { panic!("{fast:?}") };
    let between = dir.0.join("between");
    for (from, to) in [(one, &between), (other, one), (&between, other)] {
        fs::rename(from, to).unwrap();
    }
    let search = Search::open(&dir.0).unwrap();
    assert!(!search.examine().unwrap());
    assert_eq!((search.cursor(), search.query("declared", 9).unwrap()), (0, vec![]));
}

#[test]
fn one_flipped_bit_is_noticed() {
    let dir = TempDir::new("bit");
    drop(whole(&dir));
    let mut entries = fs::read_dir(&dir.0).unwrap().flatten().map(|entry| entry.path());
    let path = entries.find(|path| path.extension().is_some_and(|e| e == "idx")).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[1] ^= 4;
    fs::write(&path, bytes).unwrap();
    let search = Search::open(&dir.0).unwrap();
    assert!(!search.examine().unwrap());
    assert!(search.examine().unwrap(), "it is another by now");
}
