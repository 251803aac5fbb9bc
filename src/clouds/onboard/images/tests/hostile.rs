//! Archives that are broken or mean harm: each is refused with the entry it is about.

use super::made::{Pack, gzip, header, shell};
use super::{BOUNDS, SECRET, World, is_refused};
use std::fs;
use tar::EntryType;

#[test]
fn nothing_outside_is_reached() {
    let check = |what: &str, pack: Pack, words: &str| is_refused(what, &pack.end(), words);
    let root = Pack::root;
    check("a name upwards", root().file("../x", "y"), "../x: its name leads upwards");
    check("one later", root().file("etc/../../x", "y"), "etc/../../x: its name leads upwards");
    check("absolute and upwards", root().file("/../x", "y"), "its name leads upwards");
    check("a link upwards", root().hard_link("x", "../../../outside/secret"), "x: a hard link to");
    check("a link to the root", root().hard_link("x", "/"), "x: there is no / to link to");
    let records = root().records(&[("path", b"../../outside/x")]).file("x", "y");
    check("by a record", records, "its name leads upwards");
    check("the root a file", root().file(".", "y"), "root directory");
}

/// Links to a place that is really there, outside, and then written, linked and hidden through.
#[test]
fn nothing_outside_is_reached_through_links() {
    let world = World::new();
    let outside = world.directory.join("outside");
    // Longer than an old header has room for.
    let to = outside.to_str().unwrap().as_bytes();
    let link = |name: &str, to: &[u8]| {
        let long = Pack::root().entry(EntryType::GNULongLink, "././@LongLink", "", to);
        long.link(name, "long")
    };
    let refused = |what: &str, pack: Pack, words: &str| {
        let why = world.import(&pack.end()).unwrap_err().to_string();
        assert!(why.contains(words), "{what}: {why}");
    };
    let into = link("evil", to).file("evil/secret", "changed");
    refused("a file through it", into, "evil/secret: evil leads to nothing");
    let into = link("evil", to).directory("evil/more");
    refused("a directory through it", into, "evil/more: evil leads to nothing");
    let linked = link("evil", to).hard_link("x", "evil/secret");
    refused("a hard link through it", linked, "x: there is no evil/secret to link to");
    let secret = outside.join("secret");
    let file = link("evil", secret.to_str().unwrap().as_bytes()).file("evil", "replaced");
    let imported = world.import(&file.end()).unwrap();
    let evil = world.shelf.tree(&imported.digest).join("evil");
    assert_eq!(fs::read_to_string(evil).unwrap(), "replaced");
    let mode = link("evil", to).moded(EntryType::Directory, "evil", 0o700);
    world.import(&mode.end()).unwrap();
    assert_eq!(fs::read_to_string(secret).unwrap(), SECRET);
    let magic = Pack::root().link("evil", "/proc/self/root").file("evil/x", "y");
    refused("a magic link", magic, "evil/x: evil leads to nothing");
}

#[test]
fn what_cannot_be_is_refused() {
    let check = |what: &str, pack: Pack, words: &str| is_refused(what, &pack.end(), words);
    let root = Pack::root;
    check("a link to nothing", root().hard_link("x", "gone"), "x: there is no gone to link to");
    check(
        "a linked directory",
        root().hard_link("x", "etc"),
        "x: a hard link to the directory etc",
    );
    check("below a file", root().file("etc/name/x", "y"), "etc/name is no directory");
    let circle = root().link("a", "b").link("b", "a").file("a/x", "y");
    check("a circle", circle, "a/x: the links above it lead in a circle");
    check("a link without text", root().link("x", ""), "x: what it links to is no path");
    let zero = root().records(&[("linkpath", b"a\0b")]).link("x", "y");
    check("a zero in a link", zero, "x: what it links to is no path");
    let zero = root().records(&[("path", b"a\0b")]).file("x", "y");
    check("a zero in a name", zero, "its name has a zero in it");
    let long = format!("etc/{}", "n".repeat(256));
    let long = root().entry(EntryType::GNULongName, "long", "", long.as_bytes()).file("x", "y");
    check("a name that is too long", long, "a name of more than 255 bytes");
    let unknown = root().entry(EntryType::new(b'M'), "x", "", b"");
    check("a kind nobody knows", unknown, "x: entries of the kind \"M\" are not known");
    let owner = root().records(&[("uid", b"4294967295")]).file("x", "y");
    check("an owner that is none", owner, "x: no owner has the number 4294967295");
    let size = root().records(&[("size", b"many")]).file("x", "y");
    check("a size that is none", size, "x: its size is no number");
    let records = root().entry(EntryType::XHeader, "r", "", b"99 path=x\n").file("x", "y");
    check("records that lie", records, "its PAX records are wrong");
    let nothing = Pack::default().file("readme", "hello");
    check("no system", nothing, "no root file system, and no container archive");
    is_refused("empty", b"", "it is empty");
    is_refused("a text", &[b'x'; 4096], "at byte 0: this is no header");
    is_refused("half a block", b"x", "without an end mark");
    for (magic, name) in [(&b"\x28\xb5\x2f\xfd...."[..], "zstd"), (b"BZh91AY", "bzip2")] {
        is_refused(name, magic, &format!("packed with {name}, which is not read: unpack it with"));
    }
    let mut sum = root().end();
    sum[0] ^= 1;
    is_refused("a header that rotted", &sum, "at byte 0: this is no header");
}

#[test]
fn what_is_cut_off_is_refused() {
    let whole = Pack::root().file("x", &"y".repeat(2000)).0;
    is_refused("in a file", &whole[..whole.len() - 1024], "x: it ends in the middle of it");
    is_refused("in a header", &whole[..700], "without an end mark");
    is_refused("after an entry", &whole, "without an end mark");
    let packed = gzip(&Pack::root().file("x", &"y".repeat(2000)).end());
    is_refused("packed", &packed[..packed.len() - 9], "it ends in the middle of an entry");
    let mut rotten = packed.clone();
    let last = rotten.len() - 6;
    rotten[last] ^= 1;
    is_refused("packed, and rotten", &rotten, "corrupt");
}

#[test]
fn what_is_too_much_is_refused_before_it_is_there() {
    let check = |what: &str, pack: Pack, words: &str| is_refused(what, &pack.end(), words);
    let root = Pack::root;
    let size = header(EntryType::Regular, "x", "", 1 << 40);
    check("a size that lies", root().raw(size, b"y"), "x: it ends in the middle of it");
    let mut many = root();
    for number in 0..BOUNDS.entries {
        many = many.file(&format!("etc/{number}"), "");
    }
    check("too many entries", many, "it has more than 300 entries");
    let deep = root().directory(&"d/".repeat(21));
    check("too deep", deep, "more than 20 directories deep");
    // Each name is short, and where it leads is deeper each time.
    let fifteen = "d/".repeat(15);
    let hop = root().directory(&fifteen).link("s", &fifteen).directory(&format!("s/{fifteen}"));
    check("too deep by links", hop, "more than 20 directories deep");
    let name = header(EntryType::GNULongName, "long", "", 10 << 30);
    check("a name of 10 GiB", root().raw(name, b"y"), "a name of 10737418240 bytes");
    let records = header(EntryType::XHeader, "records", "", 10 << 30);
    check("records of 10 GiB", root().raw(records, b"y"), "a name of 10737418240 bytes");
    let bytes = root().file("x", &"y".repeat(600_000)).file("z", &"y".repeat(600_000));
    check("too much together", bytes, "z: it comes to more than 1048576 bytes");
    let bomb = root().file("x", &"\0".repeat(6 << 20)).end();
    is_refused("a bomb", &gzip(&bomb), "it unpacks to too many bytes");
}

#[test]
fn sparse_files_that_lie_are_refused() {
    let check = |what: &str, length: u64, size: u64, map: &[(u64, u64)], words: &str| {
        let mut header = header(EntryType::GNUSparse, "holes", "", size);
        let gnu = header.as_gnu_mut().unwrap();
        gnu.set_real_size(length);
        for (part, (offset, bytes)) in gnu.sparse.iter_mut().zip(map) {
            part.set_offset(*offset);
            part.set_length(*bytes);
        }
        let content = vec![b'x'; usize::try_from(size).unwrap()];
        is_refused(what, &Pack::root().raw(header, &content).end(), words);
    };
    let wrong = "holes: its map of holes is wrong";
    check("more data than there is", 100, 10, &[(0, 20)], wrong);
    check("behind its end", 100, 10, &[(95, 10)], wrong);
    check("backwards", 100, 10, &[(50, 5), (10, 5)], wrong);
    check("over each other", 100, 10, &[(0, 6), (5, 4)], wrong);
    check("around the world", 100, 10, &[(u64::MAX >> 1, 10)], wrong);
    check("an exabyte of nothing", 1 << 60, 4, &[(0, 4)], "holes: it comes to more than 1048576");
    let posix = shell("mkdir etc; truncate -s 100000 etc/holes; tar --format=posix -S -cf - etc");
    is_refused("as only GNU tar reads it", &posix, "make the archive with --format=gnu");
}
