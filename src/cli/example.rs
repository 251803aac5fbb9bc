//! `grange example`: roles and farms of real services, embedded in the binary, to begin with.
//!
//! The files are those of `assets/examples/`, a directory an example. `tests/system/examples`
//! writes them, applies them and uses what comes of it.

use crate::base::{Code, Problem};
use crate::cli::{Done, Io};
use clap::Subcommand;
use std::path::{Path, PathBuf};

/// What can be done with examples.
#[derive(Debug, Subcommand)]
pub enum ExampleVerb {
    /// List what there is, with what it is for
    List,
    /// Write all of them into a directory
    #[command(after_help = "Example: grange example write examples; then, for each role that a \
                            farm uses: grange role apply -f examples/redis/role.yaml")]
    Write {
        /// The directory; it is made where there is none
        #[arg(default_value = "examples", value_name = "DIR")]
        dir: PathBuf,
    },
}

/// One example: a role, a farm, or both, with the files beside them.
struct Example {
    name: &'static str,
    about: &'static str,
    files: &'static [(&'static str, &'static str)],
}

/// An example and its files.
macro_rules! example {
    ($name:literal, $about:literal, [$($file:literal),*]) => {
        Example {
            name: $name,
            about: $about,
            files: &[$((
                $file,
                include_str!(concat!("../../assets/examples/", $name, "/", $file)),
            )),*],
        }
    };
}

/// All of them, the simplest first.
const EXAMPLES: &[Example] = &[
    example!(
        "site",
        "a static web site, served by nginx",
        ["role.yaml", "farm.yaml", "index.html", "nginx.conf"]
    ),
    example!("redis", "redis, in memory alone", ["role.yaml", "farm.yaml", "redis.conf"]),
    example!(
        "app",
        "a python application, redis behind it, HAProxy before it; uses redis",
        ["role.yaml", "farm.yaml", "app.py"]
    ),
    example!(
        "worker",
        "workers on a queue in redis; uses redis",
        ["role.yaml", "farm.yaml", "worker.py"]
    ),
    example!(
        "postgres",
        "PostgreSQL with its data on a volume, its password hidden",
        ["role.yaml", "farm.yaml", "data.sh", "server.conf", "access.conf"]
    ),
    example!("periodic", "something done again and again", ["role.yaml", "farm.yaml", "job.sh"]),
    example!("house", "all of them in one farm", ["farm.yaml"]),
    example!(
        "command",
        "servers made by programs of yours",
        ["vms.toml", "vms.py", "role.yaml", "farm.yaml"]
    ),
    example!("docker", "pages in containers of a Docker Engine", ["role.yaml", "farm.yaml"]),
];

/// Lists or writes examples; no appliance is asked.
pub fn carry(verb: &ExampleVerb, io: &mut Io<'_>) -> Done {
    match verb {
        ExampleVerb::List => {
            for Example { name, about, .. } in EXAMPLES {
                put_line!(io.stdout, "{name:<10}  {about}")?;
            }
            put_line!(io.stdout)?;
            put_line!(io.stdout, "grange example write DIR writes all of them")?;
        }
        ExampleVerb::Write { dir } => {
            write(dir, io)?;
            let shown = dir.display();
            put_line!(io.stdout, "examples are in {shown}; each role.yaml begins with what it is")?;
            put_line!(io.stdout, "next: grange role apply -f {shown}/site/role.yaml")?;
            put_line!(io.stdout, "      grange apply -f {shown}/site/farm.yaml --wait")?;
        }
    }
    Ok(0)
}

fn write(dir: &Path, io: &mut Io<'_>) -> Result<(), Problem> {
    let all = || {
        EXAMPLES.iter().flat_map(|example| {
            let dir = dir.join(example.name);
            example.files.iter().map(move |(file, text)| (dir.join(file), *text))
        })
    };
    // Nothing that somebody changed is written over.
    if let Some((path, _)) = all().find(|(path, _)| io.files.exists(path)) {
        let text = format!("{} is there already: name another directory", path.display());
        return Err(Problem::new(Code::ObjectInUse, text));
    }
    for (path, text) in all() {
        let parent = path.parent().unwrap_or(dir);
        let made = io.files.make_directory(parent);
        let written = made.and_then(|()| io.files.write(&path, text.as_bytes()));
        written.map_err(|error| {
            Problem::invalid(path.display().to_string(), format!("cannot be written: {error}"))
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::manifest;

    #[test]
    fn every_file_is_there_and_every_manifest_is_right() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/examples");
        for example in EXAMPLES {
            let dir = std::fs::read_dir(root.join(example.name)).unwrap();
            let mut there: Vec<String> =
                dir.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            let mut known: Vec<&str> = example.files.iter().map(|(file, _)| *file).collect();
            there.sort();
            known.sort_unstable();
            assert_eq!(known, there, "{}", example.name);
            let text = |name: &str| {
                let found = example.files.iter().find(|(file, _)| *file == name);
                found.map(|(_, text)| (*text).to_owned())
            };
            if let Some(role) = text("role.yaml") {
                let beside = manifest::role::sources(&role).into_iter();
                let sources = beside.map(|path| (path.clone(), text(&path).expect(&path)));
                let read = manifest::role::read(&role, &sources.collect()).finish();
                read.unwrap_or_else(|faults| panic!("{}: {faults:?}", example.name));
            }
            let farm = text("farm.yaml").unwrap();
            manifest::parse(&farm).unwrap_or_else(|faults| panic!("{}: {faults:?}", example.name));
        }
        let dirs = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap());
        let dirs = dirs.filter(|entry| entry.path().is_dir()).count();
        assert_eq!(dirs, EXAMPLES.len(), "each directory is an example");
    }
}
