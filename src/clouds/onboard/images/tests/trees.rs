//! Archives that are what people have: each becomes the right tree.

use super::is_tree;
use super::made::{Pack, gzip, header, shell};
use tar::EntryType;

#[test]
fn what_people_have_becomes_the_right_tree() {
    let root = ["etc/", "etc/name = grange"];
    let with = |more: &[&'static str]| [root.as_slice(), more].concat();
    is_tree("a plain one", &Pack::root().end(), &root);
    is_tree("packed", &gzip(&Pack::root().end()), &root);
    is_tree("packed in two members", &two_members(), &root);
    let dotted = Pack::default().directory("./").directory("./etc/").file("./etc/name", "grange");
    is_tree("as tar -C DIRECTORY . makes it", &dotted.end(), &root);
    is_tree("absolute names", &Pack::default().file("/etc/name", "grange").end(), &root);
    is_tree("no entry for a directory", &Pack::default().file("etc/name", "grange").end(), &root);
    let old = Pack::root().moded(EntryType::Regular, "usr/", 0o755).end();
    is_tree("a directory in the old form", &old, &with(&["usr/"]));
    is_tree(
        "links lead where they say, also out",
        &Pack::root().link("a", "/etc/name").link("b", "../../../etc").link("c", "gone").end(),
        &["a -> /etc/name", "b -> ../../../etc", "c -> gone", "etc/", "etc/name = grange"],
    );
    is_tree(
        "through a link to a directory of the image",
        &Pack::root()
            .link("lib", "usr/lib")
            .directory("usr")
            .directory("usr/lib")
            .file("lib/x", "y")
            .end(),
        &with(&["lib -> usr/lib", "usr/", "usr/lib/", "usr/lib/x = y"]),
    );
    is_tree(
        "through a link that leads up: the image ends at its root",
        &Pack::root().link("up", "../../../..").file("up/x", "y").end(),
        &with(&["up -> ../../../..", "x = y"]),
    );
    is_tree(
        "hard links",
        &Pack::root().hard_link("etc/other", "etc/name").hard_link("third", "/etc/name").end(),
        &["etc/", "etc/name = grange", "etc/other = grange", "third = grange"],
    );
    is_tree(
        "a hard link to a link",
        &Pack::root().link("l", "/outside").hard_link("m", "l").end(),
        &with(&["l -> /outside", "m -> /outside"]),
    );
    let itself = Pack::root().hard_link("etc/name", "etc/name").end();
    is_tree("a hard link to itself", &itself, &root);
    let devices = Pack::root().moded(EntryType::Block, "dev/sda", 0o666).moded(
        EntryType::Char,
        "dev/null",
        0o666,
    );
    is_tree("devices are left out", &devices.end(), &root);
    let pipe = Pack::root().moded(EntryType::Fifo, "pipe", 0o600).end();
    is_tree("a named pipe", &pipe, &with(&["pipe | 600"]));
    let mut blank = header(EntryType::Regular, "x", "", 0);
    let old = blank.as_old_mut();
    (old.uid, old.gid, old.size, old.mtime) = ([0; 8], [b' '; 8], [0; 12], [0; 12]);
    let blank = Pack::root().raw(blank, b"").end();
    is_tree("numbers that nobody wrote", &blank, &with(&["x = "]));
    let modes = Pack::root().moded(EntryType::Regular, "su", 0o4755);
    let modes = modes.moded(EntryType::Directory, "tmp", 0o1777).end();
    is_tree("modes", &modes, &with(&["su =  4755", "tmp/ 1777"]));
}

#[test]
fn of_what_is_there_twice_the_last_stays() {
    let root = ["etc/", "etc/name = grange"];
    let with = |more: &[&'static str]| [root.as_slice(), more].concat();
    let check = |what: &str, pack: Pack, more: &[&'static str]| {
        is_tree(what, &pack.end(), &with(more));
    };
    check("a file", Pack::root().file("x", "1").file("x", "2"), &["x = 2"]);
    let linked = Pack::root().file("x", "1").hard_link("y", "x").file("x", "2");
    check("a file with another name keeps that", linked, &["x = 2", "y = 1"]);
    let link = Pack::root().link("x", "etc/name").file("x", "not through it");
    check("a file for a link", link, &["x = not through it"]);
    let directory = Pack::root().file("x", "1").directory("x").file("x/y", "2");
    check("a directory for a file", directory, &["x/", "x/y = 2"]);
    let file = Pack::root().directory("x").file("x/y", "1").file("x", "2");
    check("a file for a directory", file, &["x = 2"]);
    let link = Pack::root().directory("x").file("x/y", "1").link("x", "etc");
    check("a link for a directory", link, &["x -> etc"]);
    let directory = Pack::root().link("x", "etc").directory("x").file("x/y", "1");
    check("a directory for a link", directory, &["x/", "x/y = 1"]);
    let again = Pack::root().directory("x").file("x/y", "1").directory("x");
    check("a directory again", again, &["x/", "x/y = 1"]);
}

#[test]
fn long_names_and_sparse_files_are_read() {
    let name = format!("etc/{}", "n".repeat(200));
    let expected = ["etc/".to_owned(), "etc/name = grange".to_owned(), format!("{name} = x")];
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    let gnu = Pack::root().entry(EntryType::GNULongName, "././@LongLink", "", name.as_bytes());
    is_tree("a long name of GNU's", &gnu.file("etc/nnn", "x").end(), &expected);
    let pax = Pack::root().records(&[("path", name.as_bytes()), ("mtime", b"1700000000.5")]);
    is_tree("a long name of POSIX's", &pax.file("etc/nnn", "x").end(), &expected);
    let attributes: &[u8] = b"a\n\0=b";
    let pax = Pack::root().records(&[("SCHILY.xattr.user.x", attributes), ("size", b"1")]);
    let mut zero = header(EntryType::Regular, "x", "", 0);
    zero.set_size(0);
    let pax = pax.raw(zero, b"x").end();
    is_tree(
        "attributes are passed over, sizes are not",
        &pax,
        &["etc/", "etc/name = grange", "x = x"],
    );
    let to = "t".repeat(150);
    let link = Pack::root().entry(EntryType::GNULongLink, "././@LongLink", "", to.as_bytes());
    let line = format!("l -> {to}");
    is_tree("a long link", &link.link("l", "ttt").end(), &["etc/", "etc/name = grange", &line]);

    let made = |format: &str| {
        shell(&format!(
            "n=$(printf 'n%.0s' $(seq 200)); mkdir etc; printf grange > etc/name; \
             printf x > etc/$n; tar --format={format} --sort=name -cf - etc"
        ))
    };
    for format in ["gnu", "posix"] {
        is_tree(&format!("by GNU tar, {format}"), &made(format), &expected);
    }
    let sparse = shell(
        "mkdir etc; truncate -s 100000 etc/holes; printf middle | dd of=etc/holes bs=1 seek=50000 \
         conv=notrunc status=none; truncate -s 150000 etc/holes; tar --format=gnu -S -cf - etc",
    );
    let read = "etc/holes = 150000 bytes";
    is_tree("a sparse file by GNU tar", &sparse, &["etc/", read]);
}

fn two_members() -> Vec<u8> {
    let whole = Pack::root().end();
    [gzip(&whole[..700]), gzip(&whole[700..])].concat()
}
