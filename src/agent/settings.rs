//! What the agent is told: its user data, and where the platform says it lives.

use crate::base::Millis;
use crate::wire::agent::{UserData, VERSION};
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Where the state is kept when nobody says otherwise.
pub const STATE_DIR: &str = "/var/lib/grange-agent";
/// Where a platform that shares a machine leaves a server's limits.
const RUN_DIR: &str = "/run/grange";
/// Readings are at most this frequent and this seldom, whatever the user data says.
const INTERVAL_MS: std::ops::RangeInclusive<Millis> = 50..=3_600_000;

/// How to run the agent.
#[derive(Clone, Debug)]
pub struct AgentOptions {
    /// The user data file.
    pub config: PathBuf,
    /// The state directory.
    pub state: PathBuf,
    /// Where `limits.json` and `cgroup/` are, on a shared machine.
    pub run_dir: PathBuf,
    /// What the server's services have for their sockets: `GRANGE_RUN` or `/run`.
    pub service_run_dir: PathBuf,
    /// The server's own address, for its ready check.
    pub address: IpAddr,
    /// What the server calls `/`: files it is ordered to have are below it. Servers of an
    /// ordinary user share the machine's file system and have a directory of their own.
    pub home: PathBuf,
}

/// Why there is nothing to run with.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("reading the user data in {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what it should be.
    #[error("understanding the user data in {path}")]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A value in it cannot be used.
    #[error("user data in {path}: {what}")]
    Value {
        /// Which file.
        path: PathBuf,
        /// Which value and why.
        what: String,
    },
}

impl AgentOptions {
    /// Options with what the platform says in the environment: `GRANGE_RUN`, `GRANGE_ADDRESS`,
    /// `GRANGE_HOME`.
    pub fn from_environment(config: PathBuf, state: Option<PathBuf>) -> AgentOptions {
        let run_dir = std::env::var_os("GRANGE_RUN").map(PathBuf::from);
        let address = std::env::var("GRANGE_ADDRESS").ok().and_then(|text| text.parse().ok());
        AgentOptions {
            config,
            state: state.unwrap_or_else(state_dir),
            service_run_dir: run_dir.clone().unwrap_or_else(|| "/run".into()),
            run_dir: run_dir.unwrap_or_else(|| RUN_DIR.into()),
            address: address.unwrap_or(IpAddr::from([127, 0, 0, 1])),
            home: std::env::var_os("GRANGE_HOME").map_or(PathBuf::from("/"), PathBuf::from),
        }
    }
}

/// Where the agent of this server keeps its state when nobody says otherwise: below `GRANGE_HOME`,
/// which a server of an ordinary user has for itself.
pub fn state_dir() -> PathBuf {
    let home = std::env::var_os("GRANGE_HOME").map_or(PathBuf::from("/"), PathBuf::from);
    home.join(STATE_DIR.trim_start_matches('/'))
}

/// Reads and checks the user data.
pub fn user_data(path: &Path) -> Result<UserData, SettingsError> {
    let path = path.to_owned();
    let bytes = std::fs::read(&path)
        .map_err(|source| SettingsError::Read { path: path.clone(), source })?;
    let mut data: UserData = serde_json::from_slice(&bytes)
        .map_err(|source| SettingsError::Parse { path: path.clone(), source })?;
    let what = if data.v != VERSION {
        format!("version {} is not known here ({VERSION} is)", data.v)
    } else if data.appliances.is_empty() {
        "no appliance is named".to_owned()
    } else if fingerprint(&data.ca_fingerprint).is_none() {
        "caFingerprint is not 64 hexadecimal digits".to_owned()
    } else {
        data.interval_ms = data.interval_ms.clamp(*INTERVAL_MS.start(), *INTERVAL_MS.end());
        return Ok(data);
    };
    Err(SettingsError::Value { path, what })
}

/// A SHA-256 digest from its hexadecimal digits.
pub fn fingerprint(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut digest = [0u8; 32];
    for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::tests::scratch;
    use crate::base::hash::hex;

    #[test]
    fn user_data_is_read_or_refused_with_a_reason() {
        let file = scratch("settings").join("agent.json");
        let ca = hex(&[0xa5; 32]);
        let data = |v: u32, appliances: &str, ca: &str| {
            format!(
                r#"{{"v":{v},"server":"6f1c2a9e-0b1d-4c3e-8f00-1234567890ab","hostname":"web-1",
                "appliances":[{appliances}],"caFingerprint":"{ca}","token":"t","intervalMs":1,
                "later":true}}"#
            )
        };
        let check = |text: &str, expected: Result<Millis, &str>| {
            std::fs::write(&file, text).unwrap();
            match (user_data(&file), expected) {
                (Ok(data), Ok(interval)) => assert_eq!(data.interval_ms, interval),
                (Err(error), Err(words)) => {
                    assert!(error.to_string().contains(words), "{error} has no {words:?}");
                }
                (got, _) => panic!("{got:?}, expected {expected:?}"),
            }
        };
        check(&data(1, r#""10.0.0.1:8883""#, &ca), Ok(50));
        let unknown = "version 9 is not known here (1 is)";
        check(&data(9, r#""10.0.0.1:8883""#, &ca), Err(unknown));
        check(&data(1, "", &ca), Err("no appliance is named"));
        check(&data(1, r#""a:1""#, "zz"), Err("caFingerprint is not 64 hexadecimal digits"));
        check(
            &data(1, r#""a:1""#, &ca).replace("\"intervalMs\":1", "\"intervalMs\":9999999"),
            Ok(3_600_000),
        );
        check("{", Err("understanding"));
        std::fs::remove_file(&file).unwrap();
        assert!(matches!(user_data(&file), Err(SettingsError::Read { .. })));
    }

    #[test]
    fn fingerprints_are_digits_both_cases() {
        assert_eq!(fingerprint(&hex(&[0xa5; 32]).to_uppercase()), Some([0xa5; 32]));
        assert_eq!(fingerprint(&"g".repeat(64)), None);
        assert_eq!((fingerprint(&"a".repeat(63)), fingerprint(&"a".repeat(65))), (None, None));
        let mixed = fingerprint(&format!("1f{}", "00".repeat(31))).unwrap();
        assert_eq!((mixed[0], mixed[31]), (0x1f, 0));
    }
}
