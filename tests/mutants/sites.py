"""Where a mistake can be planted, and what it looks like.

A mistake is text before and text after a piece of the source: what was there stays there, behind a
switch, and pieces within pieces can be planted too.
"""

from dataclasses import dataclass, field

SWITCH = "crate::base::mutants::on({})"
KINDS = ("negated", "moved by one", "dropped", "swapped", "default")

MOVED = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
# What ends an operand of a comparison, before it and after it.
LEFT_ENDS = {"&&", "||", "(", "[", "{", ",", ";", "=", "=>", "return", "if", "while", "|", "else",
             "match", "in", "}", "+=", "-=", "|=", "&="}
RIGHT_ENDS = {"&&", "||", ")", "]", "}", ",", ";", "{", "=>", "==", "!="}
PREDICATES = {"filter", "any", "all", "find", "position", "retain", "is_some_and", "is_none_or",
              "is_ok_and", "take_while", "skip_while", "partition", "find_last", "rposition"}
NO_CALL = {"if", "while", "match", "return", "for", "in", "fn", "let", "mut", "move", "loop", "else"}
NO_STATEMENT = {"let", "use", "const", "static", "fn", "type", "break", "struct", "enum", "impl",
                "#", "debug_assert", "debug_assert_eq", "tracing", "unreachable", "pub", "mod",
                "debug", "info", "warn", "error", "trace", "println", "eprintln"}
# Bodies that are their own default.
TRIVIAL = {"", "None", "false", "0", "Ok(())", "Vec::new()", "String::new()", '""'}
NO_BODY = {"default", "main"}


@dataclass
class Site:
    path: str
    kind: str
    start: int
    end: int
    line: int
    # `{}` in them is the switch.
    before: str
    after: str
    said: str
    number: int = 0
    killed_by: str = ""
    tests: list = field(default_factory=list)


def one_line(text, length=90):
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1] + "…"



def find(source):
    """Every place of one file."""
    sites = {}
    for function in source.functions:
        for finder in (negated, moved, dropped, swapped, default):
            for site in finder(source, function):
                sites.setdefault((site.kind, site.start, site.end), site)
    return list(sites.values())


def make(source, kind, start, end, before, after, said):
    return Site(source.path, kind, start, end, source.line(start), before, after, said)


def within(source, function):
    return range(function.open + 1, function.close)


def negate(source, first, last):
    start, end = source.tokens[first].start, source.tokens[last].end
    said = f"`{one_line(source.text[start:end])}` is negated"
    return make(source, "negated", start, end, "((", ") != SWITCH)", said)


def negated(source, function):
    for index in within(source, function):
        word = source.word(index)
        if word in ("if", "while"):
            yield from negated_condition(source, index)
        elif word in ("==", "!="):
            operands = extent(source, index)
            if operands:
                yield negate(source, *operands)
        elif word in PREDICATES and source.word(index + 1) == "(" and source.word(index + 2) == "|":
            bar = source.until(index + 3, ("|",))
            close = source.partner[index + 1]
            if bar is None or bar >= close or source.word(bar + 1) == "{":
                continue
            last = close - 2 if source.word(close - 1) == "," else close - 1
            yield negate(source, bar + 1, last)


def negated_condition(source, index):
    """The whole condition, or of a chain with `let` each part without one."""
    end = source.until(index + 1, ("{", "=>"))
    if end is None:
        return
    parts, first = [], index + 1
    while first < end:
        last = source.until(first, ("&&", "{", "=>"))
        parts.append((first, last - 1))
        first = last + 1
    bound = [part for part in parts if source.word(part[0]) == "let"]
    if not bound:
        yield negate(source, index + 1, end - 1)
        return
    for part in parts:
        if part not in bound:
            yield negate(source, *part)


def extent(source, operator):
    """First and last token of both operands."""
    first = operator - 1
    while first > 0:
        text = source.word(first)
        if text in (")", "]", "}") and text != "}":
            first = source.partner[first]
        elif text in LEFT_ENDS:
            break
        first -= 1
    last = source.until(operator + 1, RIGHT_ENDS)
    last = last if last is not None else closing(source, operator)
    if last is None or first + 1 >= operator or operator + 1 > last - 1:
        return None
    return first + 1, last - 1


def closing(source, index):
    parent = source.parent[index]
    return source.partner.get(parent) if parent is not None else None


def moved(source, function):
    for index in within(source, function):
        token = source.tokens[index]
        spaced = source.text[token.start - 1] in " \n" and source.text[token.end : token.end + 1] == " "
        if token.text not in MOVED or not spaced:
            continue
        operands = extent(source, index)
        if not operands:
            continue
        left = source.slice(operands[0], index - 1)
        right = source.slice(index + 1, operands[1])
        copy = f"{left} {MOVED[token.text]} {right}"
        start, end = source.tokens[operands[0]].start, source.tokens[operands[1]].end
        said = f"`{one_line(source.text[start:end])}` has `{MOVED[token.text]}`"
        yield make(source, "moved by one", start, end,
                   "(if SWITCH { " + copy + " } else { ", " })", said)


def starts_statement(source, index):
    before = source.word(index - 1)
    if before in (";", "{"):
        return True
    lines = source.text[source.tokens[index - 1].end : source.tokens[index].start]
    return before == "}" and "\n" in lines


def dropped(source, function):
    for index in within(source, function):
        parent = source.parent[index]
        if parent is None or source.word(parent) != "{" or not starts_statement(source, index):
            continue
        word = source.word(index)
        if word in NO_STATEMENT or word in ("else", ".", "}", ",", "?", ")"):
            continue
        last = statement_end(source, index)
        if last is None:
            continue
        start, end = source.tokens[index].start, source.tokens[last].end
        text = source.text[start:end]
        if word == "drop" and source.partner.get(index + 1) == index + 3:
            continue
        yield make(source, "dropped", start, end, "if !SWITCH { ", " }",
                   f"`{one_line(text)}` is dropped")


def statement_end(source, index):
    """The `;` of a statement, or the brace that ends a block statement."""
    if source.word(index) not in ("if", "for", "while", "match", "loop"):
        end = source.until(index, (";", "=>"))
        return end if end is not None and source.word(end) == ";" else None
    while True:
        opened = source.until(index, ("{", ";", "=>"))
        if opened is None or source.word(opened) != "{":
            return None
        closed = source.partner[opened]
        if source.word(closed + 1) != "else":
            break
        index = closed + 1
    if source.word(closed + 1) in (".", "?", ";", ")", ","):
        return None
    return closed


def swapped(source, function):
    for index in within(source, function):
        token = source.tokens[index]
        called = token.kind == "word" and source.word(index + 1) == "("
        if not called or token.text in NO_CALL or not token.text[0].islower():
            continue
        arguments = split_arguments(source, index + 1)
        first = chain_start(source, index)
        if first is None or source.word(first - 1) == "fn":
            continue
        for place in range(len(arguments) - 1):
            one, other = arguments[place], arguments[place + 1]
            if one == other:
                continue
            others = arguments[:place] + [other, one] + arguments[place + 2 :]
            start, end = source.tokens[first].start, source.tokens[source.partner[index + 1]].end
            copy = source.slice(first, index + 1) + ", ".join(others) + ")"
            said = f"`{one_line(one, 40)}` and `{one_line(other, 40)}` of `{token.text}` are swapped"
            yield make(source, "swapped", start, end,
                       "(if SWITCH { " + copy + " } else { ", " })", said)
            break


def split_arguments(source, opened):
    close, arguments, first = source.partner[opened], [], opened + 1
    while first < close:
        comma = source.until(first, (",",)) or close
        comma = min(comma, close)
        if "|" in (source.word(at) for at in range(first, comma)):
            return []
        arguments.append(source.slice(first, comma - 1))
        first = comma + 1
    return arguments


def chain_start(source, index):
    """The first token of `a.b(c)?.d` where `index` is `d`; none where it is not that simple."""
    while True:
        before = source.word(index - 1)
        if before == "::":
            if source.tokens[index - 2].kind != "word":
                return None
            index -= 2
            continue
        if before != ".":
            return None if source.word(index) in NO_CALL else index
        index -= 2
        while source.word(index) == "?":
            index -= 1
        while source.word(index) in (")", "]"):
            opened = source.partner[index]
            callee = source.tokens[opened - 1]
            if source.word(opened - 1) == "?":
                return None
            if callee.kind == "word" and callee.text not in NO_CALL:
                index = opened - 1
            elif source.word(opened - 1) == "!" or source.word(opened - 1) == ">":
                return None
            elif source.word(opened - 1) in (")", "]"):
                index = opened - 1
                continue
            else:
                return opened
        if source.tokens[index].kind not in ("word", "number"):
            return None


def default(source, function):
    body = source.slice(function.open, function.close)[1:-1].strip()
    returns = function.returns
    if function.name in NO_BODY or body in TRIVIAL or returns == "!" or returns.startswith("impl"):
        return
    value = " Default::default()"
    if returns == "":
        value = ""
    elif returns == "bool":
        value = " true" if len(body) % 2 else " false"
        if body == value.strip():
            return
    elif returns.split("<")[0].split("::")[-1] == "Result":
        value = " Ok(Default::default())"
    at = source.tokens[function.open].end
    said = f"`fn {function.name}` returns{value or ' at once'}"
    yield make(source, "default", at, at, " if SWITCH { return" + value + "; }", "", said)
