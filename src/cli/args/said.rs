//! What an argument may say. An argument that says nothing (a script's variable was empty) is
//! refused before anything is asked: nothing never means everything, or any one.

use crate::base::limit::LOG_NAME_BYTES_MAX;
use crate::base::name::parts;
use crate::base::text::{self, Kind};
use crate::base::{Millis, Name, ServerId};

/// A farm by its name.
pub fn farm(text: &str) -> Result<String, String> {
    not_blank(text, "say which farm, as shop")?;
    name(text)
}

/// A farm role, as `shop/web`.
pub fn farm_role(text: &str) -> Result<String, String> {
    let which = "say which farm role, as shop/web";
    not_blank(text, which)?;
    match parts(text).map_err(|bad| bad.to_string())? {
        (_, Some(_)) => Ok(text.to_owned()),
        (_, None) => Err(which.to_owned()),
    }
}

/// A farm, or a farm role as `shop/web`.
pub fn farm_or_role(text: &str) -> Result<String, String> {
    not_blank(text, "say which farm, as shop, or which farm role, as shop/web")?;
    parts(text).map(|_| text.to_owned()).map_err(|bad| bad.to_string())
}

/// A server, as `shop/web-3`, `web-3` or its UUID.
pub fn server(text: &str) -> Result<String, String> {
    not_blank(text, "say which server, as shop/web-3")?;
    if text.parse::<ServerId>().is_ok() {
        return Ok(text.to_owned());
    }
    parts(text).map(|_| text.to_owned()).map_err(|bad| bad.to_string())
}

/// A log of a server.
pub fn log(text: &str) -> Result<String, String> {
    not_blank(text, "say which log, as setup, agent or the name of a service")?;
    match text::fault(text, Kind::Word, LOG_NAME_BYTES_MAX) {
        Some(fault) => Err(fault),
        None => Ok(text.to_owned()),
    }
}

/// A farm, a farm role or a server, as `shop`, `shop/web`, `shop/web-3` or a server's UUID.
pub fn thing(text: &str) -> Result<String, String> {
    not_blank(text, "say which farm, farm role or server, as shop, shop/web or shop/web-3")?;
    if text.parse::<ServerId>().is_ok() {
        return Ok(text.to_owned());
    }
    parts(text).map(|_| text.to_owned()).map_err(|bad| bad.to_string())
}

/// A role by its name.
pub fn role(text: &str) -> Result<String, String> {
    not_blank(text, "say which role, as grange role list has it")?;
    Name::new(text).map(|_| text.to_owned()).map_err(|bad| bad.to_string())
}

/// An image by its name.
pub fn image(text: &str) -> Result<String, String> {
    not_blank(text, "say which image, as grange image list has it")?;
    Name::new(text).map(|_| text.to_owned()).map_err(|bad| bad.to_string())
}

/// A cloud account by its name.
pub fn account(text: &str) -> Result<String, String> {
    not_blank(text, "say which cloud account, as grange cloud list has it")?;
    name(text)
}

/// A length of time as people type it: `90m`, `8h`, `1d12h`.
pub fn length(text: &str) -> Result<Millis, String> {
    crate::base::time::read(text)
        .ok_or_else(|| "write seconds, minutes, hours or days, as 90s, 90m, 8h or 1d12h".to_owned())
}

/// How long to wait: a length of time, or a number of seconds; from a second to a day.
pub fn wait(text: &str) -> Result<Millis, String> {
    let seconds = text.parse::<u64>().ok().and_then(|seconds| seconds.checked_mul(1000));
    let found = seconds.or_else(|| crate::base::time::read(text));
    found.filter(|length| (1_000..=86_400_000).contains(length)).ok_or_else(|| {
        "write 1 to 86400 seconds, or a length up to 24h, as 90s, 5m or 1h".to_owned()
    })
}

/// Words that whoever gets them understands; only not none.
pub fn something(text: &str) -> Result<String, String> {
    not_blank(text, "it is empty: say something, or leave it out")?;
    Ok(text.to_owned())
}

fn name(text: &str) -> Result<String, String> {
    Name::new(text).map(|name| name.to_string()).map_err(|bad| bad.to_string())
}

fn not_blank(text: &str, which: &str) -> Result<(), String> {
    if text.trim().is_empty() { Err(which.to_owned()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Args;
    use clap::error::ErrorKind;
    use clap::{Arg, Command, CommandFactory};

    #[test]
    fn a_wait_is_a_length_or_a_number_of_seconds() {
        let told = [("300", 300_000), ("5m", 300_000), ("1", 1_000), ("24h", 86_400_000)];
        for (text, length) in told {
            assert_eq!(wait(text), Ok(length), "{text}");
        }
        for text in ["0", "0s", "86401", "25h", "-1", "soon", "", "18446744073709551615", "1.5"] {
            assert!(wait(text).unwrap_err().starts_with("write 1 to 86400 seconds"), "{text}");
        }
    }

    /// Texts that may be empty: what is said of something, and what a program is given.
    const MAY_BE_EMPTY: [&str; 3] = ["description", "reason", "command"];

    fn leaves(command: &Command, path: &[String], found: &mut Vec<(Vec<String>, Command)>) {
        let mut path = path.to_vec();
        path.push(command.get_name().to_owned());
        found.push((path.clone(), command.clone()));
        for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
            leaves(inner, &path, found);
        }
    }

    /// A command line that gives one argument this text, and what stands before it another.
    fn line(path: &[String], arg: &Arg, text: &str) -> Vec<String> {
        let mut words = path.to_vec();
        match (arg.get_long(), arg.get_index()) {
            (Some(long), _) => words.extend([format!("--{long}"), text.to_owned()]),
            (None, place) => {
                words.extend(std::iter::repeat_n("shop/web".to_owned(), place.unwrap_or(1) - 1));
                words.push(text.to_owned());
            }
        }
        words
    }

    #[test]
    fn no_argument_of_any_command_may_say_nothing() {
        let (mut found, mut tried) = (Vec::new(), 0);
        let mut root = Args::command();
        root.build();
        leaves(&root, &[], &mut found);
        for (path, command) in found {
            let takes = |arg: &&Arg| arg.get_action().takes_values();
            for arg in command.get_arguments().filter(takes) {
                let may = MAY_BE_EMPTY.contains(&arg.get_id().as_str());
                // A reason has to say something where others meet it.
                let says = path[1..] == ["hold"] || path[1..] == ["server", "lock"];
                if may && !(says && arg.get_id() == "reason") {
                    continue;
                }
                for text in ["", " ", "\t\n"] {
                    // A file may have any name but none.
                    let file = arg.get_value_names().is_some_and(|names| {
                        names.iter().any(|name| matches!(name.as_str(), "FILE" | "DIR" | "PATH"))
                    });
                    if (file || arg.get_id() == "proposal") && !text.is_empty() {
                        continue;
                    }
                    let words = line(&path, arg, text);
                    let kind = Args::command().try_get_matches_from(&words).unwrap_err().kind();
                    let refused = [ErrorKind::ValueValidation, ErrorKind::InvalidValue];
                    assert!(refused.contains(&kind), "{words:?} is {kind:?}");
                    tried += 1;
                }
            }
        }
        assert!(tried > 100, "only {tried} were tried");
    }

    #[test]
    fn what_names_nothing_is_said_with_what_would() {
        let check = |parse: fn(&str) -> Result<String, String>, text, fault: &str| {
            let said = parse(text).unwrap_err();
            assert!(said.starts_with(fault), "{text:?}: {said}");
        };
        check(farm, "", "say which farm");
        check(farm, " ", "say which farm");
        for text in ["shop/", "shop ", "a b", "*", "shop/web"] {
            check(farm, text, &format!("{text:?} is not a name"));
        }
        check(server, "", "say which server");
        for text in ["shop/", "/web-1", "shop//web-1", "shop/web-1/x", "%"] {
            check(server, text, &format!("{text:?} is not a name"));
        }
        check(farm_role, "shop", "say which farm role");
        check(farm_or_role, "shop/", "\"shop/\" is not a name");
        check(account, "a/b", "\"a/b\" is not a name");
        assert_eq!(server("12"), Ok("12".to_owned()));
        assert_eq!(farm_or_role("shop/web"), Ok("shop/web".to_owned()));
    }
}
