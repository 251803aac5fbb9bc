"""Reads Rust far enough to plant mistakes: tokens, brackets, functions, what is only for tests.

No grammar: the tree is formatted by rustfmt, and what is misread does not compile, so that it is
weeded out with the other mistakes that the compiler knows.
"""

import re
from dataclasses import dataclass

TOKEN = re.compile(
    r"""
    (?P<comment>//[^\n]*|/\*.*?\*/)
  | (?P<string>b?r(?P<hashes>\#*)".*?"(?P=hashes)|[bc]?"(?:\\.|[^"\\])*")
  | (?P<char>b?'(?:\\(?:u\{[^}]*\}|x..|.)|[^\\'])')
  | (?P<lifetime>'[A-Za-z_]\w*)
  | (?P<word>(?:r\#)?[A-Za-z_]\w*)
  | (?P<number>\d\w*(?:\.\d\w*)?)
  | (?P<sign>\.\.=|\.\.|->|=>|::|==|!=|<=|>=|&&|\|\||[-+*/%^&|]=|[^\s\w])
    """,
    re.VERBOSE | re.DOTALL,
)
CLOSING = {"(": ")", "[": "]", "{": "}"}


@dataclass
class Token:
    kind: str
    text: str
    start: int
    end: int


@dataclass
class Function:
    name: str
    returns: str
    # Indexes of the tokens that open and close its body.
    open: int
    close: int


class Source:
    """One file. Positions are those of bytes: it is read as latin-1, so that rustc means the same."""

    def __init__(self, path, text):
        self.path, self.text = path, text
        found = (Token(m.lastgroup, m.group(), *m.span()) for m in TOKEN.finditer(text))
        self.tokens = [
            Token("string", t.text, t.start, t.end) if t.kind == "hashes" else t
            for t in found
            if t.kind != "comment"
        ]
        self.partner, self.parent = {}, [None] * len(self.tokens)
        self._match_brackets()
        self._skipped = self._find_skipped()
        self.functions = list(self._find_functions())

    def _match_brackets(self):
        open_ones = []
        for index, token in enumerate(self.tokens):
            if token.kind == "sign" and token.text in ")]}" and open_ones:
                start = open_ones.pop()
                self.partner[start], self.partner[index] = index, start
            self.parent[index] = open_ones[-1] if open_ones else None
            if token.kind == "sign" and token.text in CLOSING:
                open_ones.append(index)

    def word(self, index):
        """The token's text, or nothing before the first and after the last."""
        return self.tokens[index].text if 0 <= index < len(self.tokens) else ""

    def line(self, position):
        return self.text.count("\n", 0, position) + 1

    def slice(self, first, last):
        """The text from one token to another, both with it."""
        return self.text[self.tokens[first].start : self.tokens[last].end]

    def until(self, index, ends):
        """The first token from `index` on, at the same depth, that is one of `ends`."""
        while index < len(self.tokens):
            text = self.word(index)
            if text in ends:
                return index
            if text in CLOSING and index in self.partner:
                index = self.partner[index]
            elif text in (")", "]", "}"):
                return None
            index += 1
        return None

    def _find_skipped(self):
        """Token ranges that are only for tests, or bodies of macros."""
        ranges = []
        for index in range(len(self.tokens)):
            test = [self.word(index + n) for n in range(7)] == ["#", "[", "cfg", "(", "test", ")", "]"]
            macro = self.word(index) == "macro_rules"
            if not test and not macro:
                continue
            end = self.until(index + (7 if test else 1), ("{", ";"))
            if end is not None:
                ranges.append((index, self.partner.get(end, end)))
        return ranges

    def test_files(self):
        """Names of modules that are declared for tests alone."""
        for first, last in self._skipped:
            if self.word(last) == ";" and "mod" in (self.word(last - 2), self.word(first + 7)):
                yield self.word(last - 1)

    def skipped(self, index):
        return any(first <= index <= last for first, last in self._skipped)

    def _find_functions(self):
        for index, token in enumerate(self.tokens):
            if token.text != "fn" or self.tokens[index + 1].kind != "word" or self.skipped(index):
                continue
            before = [self.word(index - back) for back in (1, 2, 3)]
            body = self.until(index, ("{", ";"))
            if body is None or self.word(body) == ";" or "const" in before:
                continue
            arrow = self.until(index, ("->", "{"))
            end = self.until(arrow, ("where", "{"))
            returns = "" if arrow == body else self.slice(arrow + 1, end - 1)
            yield Function(self.word(index + 1), returns, body, self.partner[body])
