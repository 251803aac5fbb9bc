//! Typed ids, so that a farm's number is never taken for a server's.
//!
//! Nouns have u64 counters, assigned in the transaction that creates them and kept below 2^53 so
//! that every JSON reader keeps them whole. Servers are UUIDs from a seeded stream, because their
//! id is also the launch token that a cloud must carry as a tag.

use crate::base::random::Stream;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

macro_rules! counter_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = NotANumber;
            fn from_str(text: &str) -> Result<Self, NotANumber> {
                whole_number(text).map($name)
            }
        }
    )*};
}

counter_id! {
    /// A tenant. Account 1 exists from the first start.
    AccountId;
    /// Where farms live and names are unique. Environment 1 exists from the first start.
    EnvironmentId;
    /// One set of credentials for one cloud platform.
    CloudAccountId;
    /// A farm.
    FarmId;
    /// The use of a role in a farm.
    FarmRoleId;
    /// A recipe for servers.
    RoleId;
    /// A person, or the appliance itself (user 0).
    UserId;
    /// A bearer token.
    TokenId;
    /// What the engine decided for one farm.
    PlanId;
    /// A signed proposal.
    ProposalId;
    /// One change to the outside.
    StepId;
    /// Something an agent was asked to do.
    OrderId;
    /// A hold.
    HoldId;
    /// A note.
    NoteId;
    /// A global variable in one scope.
    VariableId;
    /// A data volume.
    VolumeId;
    /// A command run on many servers.
    RunId;
    /// What one server has to do with a run.
    RunServerId;
    /// A journal entry's sequence number; the first entry is 1.
    Seq;
}

/// The text was not a number as a counter prints it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id: expected a number such as 17, without sign and leading zeros")]
pub struct NotANumber;

/// An id has one spelling: `+1` and `01`, which the standard library takes for 1, are none.
fn whole_number(text: &str) -> Result<u64, NotANumber> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || (text.len() > 1 && text.starts_with('0')) {
        return Err(NotANumber);
    }
    text.parse().map_err(|_| NotANumber)
}

/// The text was not a UUID of 36 characters.
#[derive(Debug, thiserror::Error)]
#[error("not an id: expected a UUID such as 6f1c2a9e-0b1d-4c3e-8f00-1234567890ab")]
pub struct NotAUuid;

macro_rules! uuid_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u128);

        impl $name {
            /// Draws the next id from a seeded stream, marked as a random (version 4) UUID.
            pub fn draw(stream: &mut Stream) -> $name {
                let raw = (u128::from(stream.next()) << 64) | u128::from(stream.next());
                let versioned = (raw & !(0xf << 76)) | (0x4 << 76);
                $name((versioned & !(0x3 << 62)) | (0x2 << 62))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let hex = format!("{:032x}", self.0);
                let (a, b, c) = (&hex[..8], &hex[8..12], &hex[12..16]);
                write!(f, "{a}-{b}-{c}-{}-{}", &hex[16..20], &hex[20..])
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = NotAUuid;
            fn from_str(text: &str) -> Result<Self, NotAUuid> {
                let dashes = |i: usize| matches!(i, 8 | 13 | 18 | 23);
                let shaped = text.len() == 36
                    && text
                        .bytes()
                        .enumerate()
                        .all(|(i, b)| if dashes(i) { b == b'-' } else { b.is_ascii_hexdigit() });
                if !shaped {
                    return Err(NotAUuid);
                }
                let hex: String = text.chars().filter(|c| *c != '-').collect();
                u128::from_str_radix(&hex, 16).map($name).map_err(|_| NotAUuid)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    self.0.to_be_bytes().serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = String::deserialize(deserializer)?;
                    text.parse().map_err(serde::de::Error::custom)
                } else {
                    <[u8; 16]>::deserialize(deserializer).map(|b| $name(u128::from_be_bytes(b)))
                }
            }
        }
    )*};
}

uuid_id! {
    /// A server: a UUID, which is also its launch token and the tag it carries on its cloud.
    ServerId;
    /// An image that servers are started from.
    ImageId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_ids_are_version_4_uuids_and_round_trip() {
        let mut stream = Stream::new(7, "server");
        for _ in 0..1000 {
            let id = ServerId::draw(&mut stream);
            let text = id.to_string();
            assert_eq!(text.as_bytes()[14], b'4', "{text}");
            assert!(matches!(text.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{text}");
            assert_eq!(text.parse::<ServerId>().unwrap(), id);
        }
    }

    #[test]
    fn a_number_has_one_spelling() {
        for number in [0, 7, 10, u64::MAX] {
            assert_eq!(number.to_string().parse(), Ok(FarmId(number)));
        }
        for text in ["", "+1", "-1", "01", "00", " 1", "1 ", "1.0", "18446744073709551616", "٣"] {
            assert_eq!(text.parse::<FarmId>(), Err(NotANumber), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_uuid_is_refused() {
        for text in [
            "",
            "web-1",
            "6f1c2a9e0b1d4c3e8f001234567890ab",
            "zzzzzzzz-0b1d-4c3e-8f00-1234567890ab",
        ] {
            assert!(text.parse::<ServerId>().is_err(), "{text}");
        }
    }
}
