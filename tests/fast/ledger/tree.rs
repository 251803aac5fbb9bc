//! A value read back from its debug text, to be told in few words and compared field by field.

/// So many numbers in a row are a digest, and none of ours to compare.
const DIGEST_NUMBERS: usize = 16;
/// A text of so many letters is a signature, a key or a file.
const TEXT_MAX: usize = 600;
/// So many digits are milliseconds since 1970.
const MOMENT_DIGITS: usize = 13;
/// What was is not told again when it is longer.
const WAS_MAX: usize = 40;
/// What stands for nothing, and is left out of what has names for its fields.
const NOTHING: &[&str] = &["None", "[]", "\"\"", "false", "{}", "0"];
/// When every site begins: times are told from there.
const BEGIN: i64 = 1_795_230_600_000;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// What has nothing inside.
    Plain(String),
    /// What has, with its name and the bracket that opens it.
    Many(String, char, Vec<(String, Tree)>),
}

/// Reads what `{:#?}` wrote.
pub fn read(told: &str) -> Tree {
    let mut lines = told.lines().map(str::trim_start);
    let first = lines.next().unwrap_or("()");
    value(first, &mut lines)
}

fn value<'a>(line: &str, rest: &mut impl Iterator<Item = &'a str>) -> Tree {
    let Some(open) = line.chars().last().filter(|last| ['{', '(', '['].contains(last)) else {
        return Tree::Plain(plain(line.strip_suffix(',').unwrap_or(line)));
    };
    let name = line[..line.len() - 1].trim_end().to_owned();
    let mut inside = Vec::new();
    while let Some(line) = rest.next().filter(|line| !line.starts_with(['}', ')', ']'])) {
        let (label, line) = match line.split_once(": ") {
            Some((label, line)) if open == '{' && is_label(label) => (label, line),
            _ => ("", line),
        };
        inside.push((label.to_owned(), value(line, rest)));
    }
    Tree::Many(name, open, inside)
}

fn is_label(text: &str) -> bool {
    let quoted = text.len() > 1 && text.starts_with('"') && text.ends_with('"');
    quoted || text.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
}

/// A text without what another run would have otherwise.
fn plain(text: &str) -> String {
    if text.len() == MOMENT_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return moment(text);
    }
    if text.chars().count() > TEXT_MAX {
        return format!("{}...\"", text.chars().take(40).collect::<String>());
    }
    let Some((before, after)) = text.split_once("secret-") else { return text.to_owned() };
    format!("{before}secret-N{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
}

impl Tree {
    /// Whether it has the same name and fields.
    pub fn is_like(&self, other: &Tree) -> bool {
        let (Tree::Many(a, '{', x), Tree::Many(b, '{', y)) = (self, other) else { return false };
        let names = |inside: &[(String, Tree)]| -> Vec<String> {
            inside.iter().map(|(label, _)| label.clone()).collect()
        };
        a == b && names(x) == names(y)
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        match self {
            Tree::Plain(_) => "",
            Tree::Many(name, ..) => name,
        }
    }

    fn is_nothing(&self) -> bool {
        match self {
            Tree::Plain(text) => NOTHING.contains(&text.as_str()),
            Tree::Many(name, _, inside) => {
                name == "Overrides" && inside.iter().all(|(_, tree)| tree.is_nothing())
            }
        }
    }

    fn is_digest(&self) -> bool {
        let Tree::Many(_, '[', inside) = self else { return false };
        let number = |tree: &Tree| matches!(tree, Tree::Plain(text) if text.parse::<u8>().is_ok());
        inside.len() > DIGEST_NUMBERS && inside.iter().all(|(_, tree)| number(tree))
    }

    /// The fields that say something, or the elements, each in its words.
    pub fn parts(&self) -> Vec<String> {
        let Tree::Many(_, open, inside) = self else { return vec![self.words()] };
        let said = inside.iter().filter(|(_, tree)| *open != '{' || !tree.is_nothing());
        said.map(|(label, tree)| labelled(label, &tree.words())).collect()
    }

    /// The fields that differ from those of another, each in its words.
    pub fn beside(&self, other: &Tree) -> Vec<String> {
        let (Tree::Many(_, _, is), Tree::Many(_, _, was)) = (self, other) else {
            return vec![self.words()];
        };
        let differ = is.iter().zip(was).filter(|(is, was)| is != was);
        differ.map(|((label, tree), _)| labelled(label, &tree.words())).collect()
    }

    /// On one line.
    pub fn words(&self) -> String {
        let (name, open, inside) = match self {
            Tree::Plain(text) => return text.clone(),
            _ if self.is_digest() => return "digest".to_owned(),
            Tree::Many(name, open, inside) => (name.as_str(), *open, inside),
        };
        match (name, &inside[..]) {
            ("Some" | "Ok" | "Seq" | "Timestamp" | "Name", [(_, one)]) => return one.words(),
            (id, [(_, one)]) if open == '(' && id.ends_with("Id") => return one.words(),
            _ => {}
        }
        let parts = self.parts().join(", ");
        match open {
            '{' if name.is_empty() || !parts.is_empty() => format!("{name}{{{parts}}}"),
            '{' => name.to_owned(),
            '(' => format!("{name}({parts})"),
            _ => format!("{name}[{parts}]"),
        }
    }

    /// What differs in another.
    pub fn changes(&self, is: &Tree) -> Vec<String> {
        let (Tree::Many(_, _, before), Tree::Many(_, _, after)) = (self, is) else {
            return vec![self.change(is)];
        };
        let differ = before.iter().zip(after).filter(|(was, is)| was != is);
        differ.map(|((label, was), (_, is))| labelled(label, &was.change(is))).collect()
    }

    fn change(&self, is: &Tree) -> String {
        if is.is_like(self) {
            return format!("{{{}}}", self.changes(is).join(", "));
        }
        if let (Tree::Many(a, '[', x), Tree::Many(b, '[', y)) = (self, is)
            && a == b
            && x.len() == y.len()
            && x.iter().zip(y).all(|((_, was), (_, is))| is.is_like(was))
        {
            let each = x.iter().zip(y).map(|((_, was), (_, is))| was.change(is));
            return format!("[{}]", each.collect::<Vec<String>>().join(", "));
        }
        let was = self.words();
        let was = if was.len() > WAS_MAX { "..." } else { &was };
        format!("{was} -> {}", is.words())
    }
}

fn labelled(label: &str, words: &str) -> String {
    if label.is_empty() { words.to_owned() } else { format!("{label}: {words}") }
}

fn moment(at: &str) -> String {
    let at: i64 = at.parse().expect("a time");
    format!("{:+}", at - BEGIN)
}
