//! Topic names, built and parsed in one place.
//!
//! ```text
//! g/<server id>/r      readings            agent -> appliance, QoS 1
//! g/<server id>/m      messages            agent -> appliance, QoS 1
//! g/<server id>/s      stream frames       agent -> appliance, QoS 0
//! g/<server id>/o      orders              appliance -> agent, QoS 1
//! g/<server id>/c      stream control      appliance -> agent, QoS 0
//! ```
//! A server speaks on its own first three and listens to its own last two, and to nothing else.

use crate::base::ServerId;

/// What a topic carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Batches of readings.
    Readings,
    /// Control messages to the appliance.
    Messages,
    /// Frames of streams (`wire::stream::Frame`) to the appliance.
    Frames,
    /// Orders to the agent.
    Orders,
    /// What the agent is told of its streams (`wire::stream::Control`).
    Control,
}

/// The topic of one server and kind.
pub fn name(server: ServerId, kind: Kind) -> String {
    let letter = match kind {
        Kind::Readings => 'r',
        Kind::Messages => 'm',
        Kind::Frames => 's',
        Kind::Orders => 'o',
        Kind::Control => 'c',
    };
    format!("g/{server}/{letter}")
}

/// Reads a topic back; `None` for every text [`name`] would not have made.
pub fn parse(topic: &str) -> Option<(ServerId, Kind)> {
    let mut parts = topic.split('/');
    let (g, id, letter) = (parts.next()?, parts.next()?, parts.next()?);
    let kind = match letter {
        "r" => Kind::Readings,
        "m" => Kind::Messages,
        "s" => Kind::Frames,
        "o" => Kind::Orders,
        "c" => Kind::Control,
        _ => return None,
    };
    let server: ServerId = id.parse().ok()?;
    let canonical = g == "g" && parts.next().is_none() && server.to_string() == id;
    canonical.then_some((server, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_round_trip_and_nothing_else_parses() {
        let server = ServerId(0x6f1c_2a9e_0b1d_4c3e_8f00_1234_5678_90ab);
        for kind in [Kind::Readings, Kind::Messages, Kind::Frames, Kind::Orders, Kind::Control] {
            assert_eq!(parse(&name(server, kind)), Some((server, kind)));
        }
        let id = server.to_string();
        for bad in [
            "g/+/r".to_owned(),
            "#".to_owned(),
            format!("g/{id}/#"),
            format!("g/{id}/r/x"),
            format!("/g/{id}/r"),
            format!("g/{}/r", id.to_uppercase()),
            format!("$share/x/g/{id}/o"),
            String::new(),
        ] {
            assert_eq!(parse(&bad), None, "{bad}");
        }
    }
}
