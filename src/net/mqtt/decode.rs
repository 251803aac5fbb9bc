//! Bytes into packets: incremental, bounded, strict.

use super::{Connect, ConnectCode, Packet, Publish, Qos, Will};

/// Why bytes are no packet. The connection must be closed [MQTT-4.8.0-1].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPacket {
    /// Its remaining length is above the limit the reader set.
    #[error("packet of {length} bytes, {max} are allowed")]
    TooLarge {
        /// What it announced.
        length: usize,
        /// The limit.
        max: usize,
    },
    /// The remaining length takes more than four bytes (§2.2.3).
    #[error("remaining length is malformed")]
    RemainingLength,
    /// The packet's type is reserved, or its fixed header's flags are wrong [MQTT-2.2.2-2].
    #[error("packet begins with {0:#04x}, which is reserved")]
    Header(u8),
    /// QoS 2 or one of its packets.
    #[error("QoS 2 is not spoken here")]
    Unsupported,
    /// A CONNECT of another protocol version; [`ConnectCode::ProtocolLevel`] answers it.
    #[error("protocol level {0}, MQTT 3.1.1 is 4")]
    ProtocolLevel(u8),
    /// A field is not as the standard wants it; which and how.
    #[error("malformed packet: {0}")]
    Malformed(&'static str),
}

/// Takes one packet off the front of `bytes`: the packet and how many bytes it took, or `None`
/// when it is not whole yet.
///
/// `max` bounds the remaining length; a longer packet is an error as soon as its header is there.
pub fn decode(bytes: &[u8], max: usize) -> Result<Option<(Packet, usize)>, BadPacket> {
    let Some((&first, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    check_header(first)?;
    let Some((length, header)) = remaining_length(rest)? else {
        return Ok(None);
    };
    if length > max {
        return Err(BadPacket::TooLarge { length, max });
    }
    let Some(body) = rest.get(header..header + length) else {
        return Ok(None);
    };
    let mut reader = Reader(body);
    let packet = body_of(first, &mut reader)?;
    if !reader.0.is_empty() {
        return Err(BadPacket::Malformed("bytes left over"));
    }
    Ok(Some((packet, 1 + header + length)))
}

/// Type and flags (§2.2.1, §2.2.2): everything but PUBLISH has exactly one legal byte.
fn check_header(first: u8) -> Result<(), BadPacket> {
    match first {
        0x10 | 0x20 | 0x40 | 0x82 | 0x90 | 0xa2 | 0xb0 | 0xc0 | 0xd0 | 0xe0 => Ok(()),
        0x30..=0x3f => match (first >> 1) & 0b11 {
            // A message that is sent once cannot have been sent before [MQTT-3.3.1-2].
            0 if first & 0b1000 != 0 => Err(BadPacket::Header(first)),
            0 | 1 => Ok(()),
            2 => Err(BadPacket::Unsupported),
            _ => Err(BadPacket::Header(first)),
        },
        // PUBREC, PUBREL, PUBCOMP.
        0x50 | 0x62 | 0x70 => Err(BadPacket::Unsupported),
        _ => Err(BadPacket::Header(first)),
    }
}

/// The remaining length and how many bytes say it (§2.2.3), or `None` when they are not all there.
fn remaining_length(bytes: &[u8]) -> Result<Option<(usize, usize)>, BadPacket> {
    let mut length = 0usize;
    for (index, &byte) in bytes.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((length, index + 1)));
        }
    }
    if bytes.len() >= 4 { Err(BadPacket::RemainingLength) } else { Ok(None) }
}

fn body_of(first: u8, body: &mut Reader<'_>) -> Result<Packet, BadPacket> {
    match first >> 4 {
        1 => connect(body),
        2 => connack(body),
        3 => publish(first, body),
        4 => Ok(Packet::PubAck(body.packet_id()?)),
        8 => subscribe(body),
        9 => suback(body),
        10 => unsubscribe(body),
        11 => Ok(Packet::UnsubAck(body.packet_id()?)),
        12 => Ok(Packet::PingReq),
        13 => Ok(Packet::PingResp),
        14 => Ok(Packet::Disconnect),
        _ => Err(BadPacket::Header(first)),
    }
}

/// CONNECT, §3.1.
fn connect(body: &mut Reader<'_>) -> Result<Packet, BadPacket> {
    if body.binary()? != b"MQTT" {
        return Err(BadPacket::Malformed("protocol name is not MQTT"));
    }
    let level = body.byte()?;
    if level != 4 {
        return Err(BadPacket::ProtocolLevel(level));
    }
    let flags = body.byte()?;
    // [MQTT-3.1.2-3]
    if flags & 0x01 != 0 {
        return Err(BadPacket::Malformed("reserved connect flag is set"));
    }
    let (has_will, has_user, has_password) =
        (flags & 0x04 != 0, flags & 0x80 != 0, flags & 0x40 != 0);
    // [MQTT-3.1.2-11], [MQTT-3.1.2-13], [MQTT-3.1.2-15]
    if !has_will && flags & 0x38 != 0 {
        return Err(BadPacket::Malformed("will flags without a will"));
    }
    let will_qos = qos((flags >> 3) & 0b11)?;
    // [MQTT-3.1.2-22]
    if has_password && !has_user {
        return Err(BadPacket::Malformed("password without a user name"));
    }
    let keep_alive_s = body.u16()?;
    let client_id = body.text()?;
    let clean_session = flags & 0x02 != 0;
    // [MQTT-3.1.3-8]
    if client_id.is_empty() && !clean_session {
        return Err(BadPacket::Malformed("empty client id without a clean session"));
    }
    let will = if has_will {
        let topic = body.topic_name()?;
        let message = body.binary()?.to_vec();
        Some(Will { topic, message, qos: will_qos, retain: flags & 0x20 != 0 })
    } else {
        None
    };
    let user_name = has_user.then(|| body.text()).transpose()?;
    let password = has_password.then(|| body.binary().map(<[u8]>::to_vec)).transpose()?;
    Ok(Packet::Connect(Connect {
        client_id,
        keep_alive_s,
        clean_session,
        will,
        user_name,
        password,
    }))
}

/// CONNACK, §3.2.
fn connack(body: &mut Reader<'_>) -> Result<Packet, BadPacket> {
    let flags = body.byte()?;
    let code = ConnectCode::from_byte(body.byte()?)
        .ok_or(BadPacket::Malformed("connect return code is reserved"))?;
    let session_present = flags == 1;
    // Only bit 0 has a meaning, and a refusal keeps no session [MQTT-3.2.2-4].
    if flags > 1 || (session_present && code != ConnectCode::Accepted) {
        return Err(BadPacket::Malformed("connect acknowledge flags"));
    }
    Ok(Packet::ConnAck { session_present, code })
}

/// PUBLISH, §3.3.
fn publish(first: u8, body: &mut Reader<'_>) -> Result<Packet, BadPacket> {
    let topic = body.topic_name()?;
    let id = match qos((first >> 1) & 0b11)? {
        Qos::AtMostOnce => None,
        Qos::AtLeastOnce => Some(body.packet_id()?),
    };
    let payload = std::mem::take(&mut body.0).to_vec();
    Ok(Packet::Publish(Publish {
        topic,
        id,
        dup: first & 0b1000 != 0,
        retain: first & 0b0001 != 0,
        payload,
    }))
}

/// SUBSCRIBE, §3.8.
fn subscribe(body: &mut Reader<'_>) -> Result<Packet, BadPacket> {
    let id = body.packet_id()?;
    let mut filters = Vec::new();
    while !body.0.is_empty() {
        let filter = body.topic_filter()?;
        filters.push((filter, qos(body.byte()?)?));
    }
    // [MQTT-3.8.3-3]
    if filters.is_empty() {
        return Err(BadPacket::Malformed("subscription without a filter"));
    }
    Ok(Packet::Subscribe { id, filters })
}

/// SUBACK, §3.9.
fn suback(body: &mut Reader<'_>) -> Result<Packet, BadPacket> {
    let id = body.packet_id()?;
    let codes = std::mem::take(&mut body.0);
    if codes.is_empty() {
        return Err(BadPacket::Malformed("subscription answer without a code"));
    }
    let code = |&byte: &u8| match byte {
        0x80 => Ok(None),
        other => qos(other).map(Some),
    };
    Ok(Packet::SubAck { id, granted: codes.iter().map(code).collect::<Result<_, _>>()? })
}

/// UNSUBSCRIBE, §3.10.
fn unsubscribe(body: &mut Reader<'_>) -> Result<Packet, BadPacket> {
    let id = body.packet_id()?;
    let mut filters = Vec::new();
    while !body.0.is_empty() {
        filters.push(body.topic_filter()?);
    }
    // [MQTT-3.10.3-2]
    if filters.is_empty() {
        return Err(BadPacket::Malformed("unsubscription without a filter"));
    }
    Ok(Packet::Unsubscribe { id, filters })
}

fn qos(number: u8) -> Result<Qos, BadPacket> {
    match number {
        0 => Ok(Qos::AtMostOnce),
        1 => Ok(Qos::AtLeastOnce),
        2 => Err(BadPacket::Unsupported),
        // [MQTT-3.1.2-14], [MQTT-3.3.1-4], [MQTT-3-8.3-4]
        _ => Err(BadPacket::Malformed("QoS above 2")),
    }
}

/// What is left of a packet's body.
struct Reader<'a>(&'a [u8]);

const SHORT: BadPacket = BadPacket::Malformed("a field goes past the end");

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, BadPacket> {
        let (&byte, rest) = self.0.split_first().ok_or(SHORT)?;
        self.0 = rest;
        Ok(byte)
    }

    fn u16(&mut self) -> Result<u16, BadPacket> {
        let (&bytes, rest) = self.0.split_first_chunk::<2>().ok_or(SHORT)?;
        self.0 = rest;
        Ok(u16::from_be_bytes(bytes))
    }

    /// A packet identifier, which is never 0 [MQTT-2.3.1-1].
    fn packet_id(&mut self) -> Result<u16, BadPacket> {
        match self.u16()? {
            0 => Err(BadPacket::Malformed("packet identifier 0")),
            id => Ok(id),
        }
    }

    /// Bytes behind a length of two bytes.
    fn binary(&mut self) -> Result<&'a [u8], BadPacket> {
        let length = usize::from(self.u16()?);
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(SHORT)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// UTF-8 without surrogates and U+0000 [MQTT-1.5.3-1], [MQTT-1.5.3-2].
    fn text(&mut self) -> Result<String, BadPacket> {
        let text = std::str::from_utf8(self.binary()?)
            .map_err(|_| BadPacket::Malformed("text is not UTF-8"))?;
        if text.contains('\0') {
            return Err(BadPacket::Malformed("text has U+0000"));
        }
        Ok(text.to_owned())
    }

    /// A topic's name: not empty [MQTT-4.7.3-1], no wildcards [MQTT-3.3.2-2].
    fn topic_name(&mut self) -> Result<String, BadPacket> {
        let topic = self.text()?;
        if topic.is_empty() || topic.contains(['+', '#']) {
            return Err(BadPacket::Malformed("topic name"));
        }
        Ok(topic)
    }

    /// A topic filter: `+` fills a level [MQTT-4.7.1-3], `#` the last one [MQTT-4.7.1-2].
    fn topic_filter(&mut self) -> Result<String, BadPacket> {
        let filter = self.text()?;
        let levels = filter.split('/').count();
        let fits = |(index, level): (usize, &str)| match level {
            "+" => true,
            "#" => index + 1 == levels,
            other => !other.contains(['+', '#']),
        };
        if filter.is_empty() || !filter.split('/').enumerate().all(fits) {
            return Err(BadPacket::Malformed("topic filter"));
        }
        Ok(filter)
    }
}
