//! `grange.publish`: ports of the machine that lead to a farm role's servers.

use super::fault::{Sink, quote};
use super::role::port_name;
use super::section::{Meaning, Section};
use super::tree::Tree;
use super::value::{one_of, port, scalar};
use crate::base::limit::PUBLISHED_PER_FARM_ROLE_MAX;
use crate::model::{Protocol, Publish, PublishTo};
use std::net::IpAddr;

const PROTOCOLS: [(&str, Protocol); 2] = [("tcp", Protocol::Tcp), ("udp", Protocol::Udp)];

/// Reads the list, each entry with its path.
pub(super) fn read(fields: &mut Section<'_>, sink: &mut Sink) -> Vec<(String, Publish)> {
    let items = fields.list("publish", sink);
    if items.len() > PUBLISHED_PER_FARM_ROLE_MAX {
        let message = format!("{} ports: at most {PUBLISHED_PER_FARM_ROLE_MAX}", items.len());
        sink.fault_at(&fields.at("publish"), message);
    }
    let mut all: Vec<(String, Publish)> = Vec::new();
    for mut item in items {
        let path = item.path.clone();
        let port = item.required("port", sink, port);
        let to = item.required("to", sink, to);
        let address = item.optional("address", sink, address);
        let wrong = item.has("address") && address.is_none();
        let protocol = item.optional("protocol", sink, |t| one_of(t, &PROTOCOLS));
        item.finish(sink);
        let (Some(port), Some(to), false) = (port, to, wrong) else { continue };
        let publish = Publish { port, to, address, protocol: protocol.unwrap_or(Protocol::Tcp) };
        all.push((path, publish));
    }
    all
}

/// A port by its number, or by the name it has in the role.
fn to(tree: &Tree) -> Meaning<PublishTo> {
    let (text, plain) = scalar(tree, "a port, or its name in the role")?;
    if plain && text.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        return port(tree).map(PublishTo::Number);
    }
    port_name(text)?;
    Ok(PublishTo::Named(text.to_owned()))
}

/// One of the machine's addresses.
fn address(tree: &Tree) -> Meaning<IpAddr> {
    let (text, _) = scalar(tree, "an address of the machine")?;
    match text.parse::<IpAddr>() {
        Ok(address) if address.is_unspecified() => {
            Err(format!("{text} is every address, which is the default: leave this out"))
        }
        Ok(address) if address.is_multicast() => {
            Err(format!("{text} is no machine's own address: it is a group's"))
        }
        Ok(address) => Ok(address),
        Err(_) => {
            Err(format!("{} is not an IP address such as 192.0.2.1 or 2001:db8::1", quote(text)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check_with, only, with};

    #[test]
    fn published_ports_are_checked() {
        let published = |items: &str| format!("    grange: {{publish: [{items}]}}\n");
        let web =
            only(&with(&published("{port: 80, to: http}, {port: 53, to: 53, protocol: udp}")));
        let said: Vec<String> =
            web.publish.iter().map(|publish| format!("{publish} to {}", publish.to)).collect();
        assert_eq!(said, ["port 80 to http", "port 53/udp to 53"]);
        check_with(
            "    grange: {publish: 80}\n",
            &["line 7: .grange.publish: expected a list (lines that begin with `-`), found \"80\""],
        );
        check_with(
            &published(
                "{}, {port: 0, to: -1}, {port: 80, to: HTTP, protocol: sctp, address: eth0}",
            ),
            &[
                "line 7: .grange.publish[0].port: missing: port has no default",
                "line 7: .grange.publish[0].to: missing: to has no default",
                "line 7: .grange.publish[1].port: 0 is not within 1 to 65535",
                "line 7: .grange.publish[1].to: -1 is not within 1 to 65535",
                "line 7: .grange.publish[2].to: \"HTTP\" is not a port's name: small letters, \
                 digits and '_', as http",
                "line 7: .grange.publish[2].protocol: \"sctp\" is not known: there are tcp, udp",
                "line 7: .grange.publish[2].address: \"eth0\" is not an IP address such as \
                 192.0.2.1 or 2001:db8::1",
            ],
        );
        check_with(
            &published("{port: 1, to: 1, address: '::'}, {port: 1, to: 1, address: 224.0.0.1}"),
            &[
                "line 7: .grange.publish[0].address: :: is every address, which is the default: \
                 leave this out",
                "line 7: .grange.publish[1].address: 224.0.0.1 is no machine's own address: \
                 it is a group's",
            ],
        );
        let many: Vec<String> = (1..=17).map(|port| format!("{{port: {port}, to: 1}}")).collect();
        check_with(
            &published(&many.join(", ")),
            &["line 7: .grange.publish: 17 ports: at most 16"],
        );
    }
}
