//! What may stand around a manifest without being part of it, and what may not.

use super::*;

const SHOP: &str = include_str!("../../../assets/examples/shop.yaml");

fn said(text: &str) -> Vec<String> {
    parse(text).err().unwrap_or_default().iter().map(Fault::to_string).collect()
}

#[test]
fn marks_and_line_ends_around_a_document_are_no_part_of_it() {
    let plain = parse(SHOP).unwrap();
    let framed = [
        format!("{SHOP}---\n"),
        format!("{SHOP}---"),
        format!("{SHOP}...\n"),
        format!("---\n{SHOP}...\n---\n# nothing more\n"),
        format!("---\n---\n{SHOP}---\n---\n"),
        format!("\u{feff}{SHOP}"),
        format!("\u{feff}---\n{SHOP}"),
        SHOP.replace('\n', "\r\n"),
        format!("\u{feff}---\n{SHOP}---\n...\n").replace('\n', "\r\n"),
    ];
    for text in framed {
        assert_eq!(parse(&text).as_ref(), Ok(&plain), "{text:?}");
    }
    // Places are those of an editor, which shows no mark.
    assert_eq!(said("\u{feff}farm: sh_op\r\n"), said("farm: sh_op\n"));
    assert_eq!(said("\u{feff}farm: sh_op").len(), 1);
}

#[test]
fn a_second_farm_in_a_file_is_one_clear_fault() {
    let check = |text: &str, line: usize| {
        let why = "one file is one farm, so give it a file of its own";
        let expected = format!("line {line}: a second document begins here: {why}");
        assert_eq!(said(text), [expected], "{text:?}");
    };
    check("farm: a\n---\nfarm: b\n", 3);
    check("farm: a\n...\n---\n[1]\n---\nx: y", 4);
    check("farm: a\r\n---\r\nnot a farm\r\n", 3);
    check(&format!("---\n---\n{SHOP}---\n{SHOP}"), SHOP.lines().count() + 5);
    let empty = "line 1: the manifest is empty: it needs at least `farm: <name>`";
    assert_eq!(said("---\n---\n...\n"), [empty]);
}
