//! Packets into bytes.

use super::{Connect, Packet, Publish, Qos, REMAINING_LENGTH_MAX};

/// A text is longer than 65,535 bytes, or the packet longer than four length bytes can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("packet or text too long for MQTT")]
pub struct TooLong;

/// Appends a packet to `out`; on an error `out` is as it was.
///
/// It writes what it is given: names, filters and identifiers are the caller's to keep legal, as
/// [`decode`](super::decode()) would want them.
pub fn encode(packet: &Packet, out: &mut Vec<u8>) -> Result<(), TooLong> {
    let mut body = Vec::new();
    let first = match packet {
        Packet::Connect(connect) => {
            put_connect(connect, &mut body)?;
            0x10
        }
        Packet::ConnAck { session_present, code } => {
            body.extend_from_slice(&[u8::from(*session_present), code.to_byte()]);
            0x20
        }
        Packet::Publish(publish) => return put_publish(publish, out),
        Packet::PubAck(id) => {
            put_u16(*id, &mut body);
            0x40
        }
        Packet::Subscribe { id, filters } => {
            put_u16(*id, &mut body);
            for (filter, qos) in filters {
                put_binary(filter.as_bytes(), &mut body)?;
                body.push(qos_byte(*qos));
            }
            0x82
        }
        Packet::SubAck { id, granted } => {
            put_u16(*id, &mut body);
            body.extend(granted.iter().map(|grant| grant.map_or(0x80, qos_byte)));
            0x90
        }
        Packet::Unsubscribe { id, filters } => {
            put_u16(*id, &mut body);
            for filter in filters {
                put_binary(filter.as_bytes(), &mut body)?;
            }
            0xa2
        }
        Packet::UnsubAck(id) => {
            put_u16(*id, &mut body);
            0xb0
        }
        Packet::PingReq => 0xc0,
        Packet::PingResp => 0xd0,
        Packet::Disconnect => 0xe0,
    };
    put_header(first, body.len(), out)?;
    out.extend_from_slice(&body);
    Ok(())
}

fn put_connect(connect: &Connect, body: &mut Vec<u8>) -> Result<(), TooLong> {
    put_binary(b"MQTT", body)?;
    body.push(4);
    let mut flags = u8::from(connect.clean_session) << 1;
    if let Some(will) = &connect.will {
        flags |= 0x04 | qos_byte(will.qos) << 3 | u8::from(will.retain) << 5;
    }
    flags |= u8::from(connect.password.is_some()) << 6;
    flags |= u8::from(connect.user_name.is_some()) << 7;
    body.push(flags);
    put_u16(connect.keep_alive_s, body);
    put_binary(connect.client_id.as_bytes(), body)?;
    if let Some(will) = &connect.will {
        put_binary(will.topic.as_bytes(), body)?;
        put_binary(&will.message, body)?;
    }
    if let Some(user) = &connect.user_name {
        put_binary(user.as_bytes(), body)?;
    }
    if let Some(password) = &connect.password {
        put_binary(password, body)?;
    }
    Ok(())
}

/// Written straight to `out`, because payloads are the only long thing there is.
fn put_publish(publish: &Publish, out: &mut Vec<u8>) -> Result<(), TooLong> {
    u16::try_from(publish.topic.len()).map_err(|_| TooLong)?;
    let id_length = if publish.id.is_some() { 2 } else { 0 };
    let length = 2 + publish.topic.len() + id_length + publish.payload.len();
    let mut first = 0x30 | u8::from(publish.retain);
    if publish.id.is_some() {
        first |= 0x02 | u8::from(publish.dup) << 3;
    }
    put_header(first, length, out)?;
    put_binary(publish.topic.as_bytes(), out)?;
    if let Some(id) = publish.id {
        put_u16(id, out);
    }
    out.extend_from_slice(&publish.payload);
    Ok(())
}

/// First byte and remaining length (§2.2).
fn put_header(first: u8, length: usize, out: &mut Vec<u8>) -> Result<(), TooLong> {
    if length > REMAINING_LENGTH_MAX {
        return Err(TooLong);
    }
    out.push(first);
    let mut left = length;
    loop {
        let digit = (left & 0x7f) as u8;
        left >>= 7;
        out.push(if left > 0 { digit | 0x80 } else { digit });
        if left == 0 {
            return Ok(());
        }
    }
}

fn put_u16(number: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(&number.to_be_bytes());
}

fn put_binary(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), TooLong> {
    put_u16(u16::try_from(bytes.len()).map_err(|_| TooLong)?, out);
    out.extend_from_slice(bytes);
    Ok(())
}

fn qos_byte(qos: Qos) -> u8 {
    match qos {
        Qos::AtMostOnce => 0,
        Qos::AtLeastOnce => 1,
    }
}
