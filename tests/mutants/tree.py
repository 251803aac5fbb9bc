"""The copy of the tree: mistakes are written into it, and those that do not compile are weeded."""

import json
import os
import pathlib
import subprocess

import rust
import sites as places

ROOMS = ("service", "jobs", "engine", "agent", "broker")
# Every room knows this one, so every room can ask its switches.
GROUND = "src/base"
TARGETS = ["--workspace", "--lib", "--test", "fast", "--test", "simulation"]
SWITCHES = '''//! The switches of planted mistakes; written by `tests/run mutants`, and only into its copy.

use std::io::Write;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// The mistake that is made in this process; none of them is 0.
static MADE: LazyLock<usize> = LazyLock::new(|| {
    std::env::var("GRANGE_MUTANT").map_or(0, |text| text.parse().expect("a number"))
});

/// Where numbers go whose places were reached.
static REACHED_FILE: LazyLock<Option<std::ffi::OsString>> =
    LazyLock::new(|| std::env::var_os("GRANGE_MUTANTS_REACHED"));

static REACHED: [AtomicBool; COUNT] = [const { AtomicBool::new(false) }; COUNT];

/// Whether this mistake is made here and now.
pub fn on(number: usize) -> bool {
    if let Some(path) = &*REACHED_FILE {
        if !REACHED[number].swap(true, Ordering::Relaxed) {
            let mut file =
                std::fs::OpenOptions::new().create(true).append(true).open(path).expect("a file");
            file.write_all(format!("{number}\\n").as_bytes()).expect("a line");
        }
    }
    *MADE == number
}
'''


def read(path):
    return path.read_bytes().decode("latin-1")


def write(path, text):
    """Only where it differs, so that what did not change is not built again."""
    data = text.encode("latin-1")
    if not path.exists() or path.read_bytes() != data:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


class Tree:
    def __init__(self, root, scratch):
        self.root, self.copy = pathlib.Path(root), pathlib.Path(scratch) / "tree"
        self.env = {**os.environ, "CARGO_TARGET_DIR": str(pathlib.Path(scratch) / "build")}
        self.originals, self.ranges = {}, {}

    def copy_all(self):
        """What version control knows, and what it would take; everything else goes."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=self.root, check=True, capture_output=True).stdout
        names = {name for name in listed.decode().split("\0") if name}
        names = {name for name in names if (self.root / name).is_file()}
        for name in sorted(names):
            write(self.copy / name, read(self.root / name))
            (self.copy / name).chmod((self.root / name).stat().st_mode)
        for path in sorted(self.copy.rglob("*")):
            if path.is_file() and str(path.relative_to(self.copy)) not in names:
                path.unlink()

    def sources(self):
        """Every file of the five rooms that ships."""
        for room in ROOMS:
            sources = []
            for path in sorted((self.root / "src" / room).rglob("*.rs")):
                sources.append(rust.Source(str(path.relative_to(self.root)), read(path)))
            tests = [test_module(source, name) for source in sources for name in source.test_files()]
            for source in sources:
                self.originals[source.path] = source
                alone = any(source.path == f"{stem}.rs" or source.path.startswith(f"{stem}/")
                            for stem in tests)
                if not alone:
                    yield source

    def plant(self, sites):
        """Writes every file with the sites that are left."""
        by_path = {}
        for site in sites:
            by_path.setdefault(site.path, []).append(site)
        self.ranges = {}
        for path, source in self.originals.items():
            write(self.copy / path, self.render(path, source.text, by_path.get(path, [])))
        count = max((site.number for site in sites), default=0) + 1
        write(self.copy / GROUND / "mutants.rs", SWITCHES.replace("COUNT", str(count)))
        entrance = read(self.root / GROUND / "mod.rs")
        write(self.copy / GROUND / "mod.rs", entrance + "\npub mod mutants;\n")

    def render(self, path, text, sites):
        pieces = []
        for site in sites:
            size = site.end - site.start
            switch = places.SWITCH.format(site.number)
            order = site.number
            # Where two meet, what ends comes before what begins; the outer one begins first.
            after = site.after.replace("SWITCH", switch)
            before = site.before.replace("SWITCH", switch)
            pieces.append((site.start, 1, -size, order, before, site))
            if size:
                pieces.append((site.end, 0, size, -order, after, site))
        pieces.sort(key=lambda piece: piece[:4])
        out, at, length, ranges = [], 0, 0, {}
        for position, begins, _, _, piece, site in pieces:
            out.append(text[at:position])
            length += position - at
            at = position
            known = ranges.setdefault(site.number, [site, length, length, []])
            known[3].append((length, length + len(piece)))
            out.append(piece)
            length += len(piece)
            known[2] = length
        out.append(text[at:])
        self.ranges[path] = list(ranges.values())
        return "".join(out)

    def cargo(self, *arguments):
        command = ["cargo", *arguments, "--message-format=json"]
        done = subprocess.run(command, cwd=self.copy, env=self.env, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        messages = []
        for line in done.stdout.splitlines():
            if line.startswith("{"):
                messages.append(json.loads(line))
        return done, messages

    def weed(self, sites, say):
        """Checks and removes what is at fault until everything that is left compiles."""
        for round_number in range(1, 41):
            self.plant(sites)
            done, messages = self.cargo("check", "--workspace", "--lib")
            if done.returncode == 0:
                return sites
            blamed = set()
            for message in messages:
                error = message.get("message") or {}
                if message.get("reason") == "compiler-message" and error.get("level") == "error":
                    blamed |= self.blame(error)
            if not blamed:
                raise SystemExit("mutants: the copy does not compile:\n" + done.stderr[-4000:])
            say(f"round {round_number}: {len(blamed)} do not compile")
            sites = [site for site in sites if site.number not in blamed]
        raise SystemExit("mutants: the copy does not compile after forty rounds")

    def blame(self, error):
        """The sites that an error is about: where it points, or the nearest around it."""
        found = set()
        for span in error["spans"]:
            if not span["is_primary"]:
                continue
            ranges = self.ranges.get(span["file_name"], [])
            start, end = span["byte_start"], span["byte_end"]
            exact = {known[0].number for known in ranges
                     for first, last in known[3] if first <= start and end <= last}
            around = sorted((last - first, site.number) for site, first, last, _ in ranges
                            if first <= start and end <= last)
            inside = {site.number for site, first, last, _ in ranges
                      if start <= first and last <= end}
            if exact:
                found |= exact
            elif around:
                found.add(around[0][1])
            elif inside:
                found |= inside
            else:
                found |= {site.number for site, *_ in ranges
                          if near(site, span["line_start"], span["line_end"])}
        return found

    def build(self):
        """The test binaries, by the name of what they test."""
        done, messages = self.cargo("test", "--no-run", *TARGETS)
        if done.returncode:
            raise SystemExit("mutants: the tests of the copy do not compile:\n" + done.stderr[-4000:])
        binaries = {}
        for message in messages:
            if message.get("reason") == "compiler-artifact" and message.get("executable"):
                if message["profile"]["test"]:
                    binaries[message["target"]["name"]] = message["executable"]
        return binaries


def test_module(source, name):
    """The path without ending of a module that a file declares."""
    path = pathlib.PurePath(source.path)
    folder = path.parent if path.name in ("mod.rs", "lib.rs") else path.with_suffix("")
    return str(folder / name)


def near(site, first, last):
    return first - 40 <= site.line <= last + 40
