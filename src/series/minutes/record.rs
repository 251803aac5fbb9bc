//! One minute as bytes: the payload of a record.
//!
//! ```text
//! u8       version, 1; a record of another version is passed over
//! i64      when the minute began, ms UTC
//! u8       number of metrics, then for each: u8 length, the name of its series (UTF-8)
//! varint   number of farm roles, by number, and for each
//!   varint   its number less that of the one before
//!   varint   running, starting, target
//!   for each metric: varint servers with readings and, if there are any, f32 mean, f32 highest
//! ```
//! Numbers are little-endian, varints LEB128. Metrics go by name, so that a file outlives the list
//! of metrics of the version that wrote it; what is not known here is left out.

use crate::base::{FarmRoleId, Timestamp};
use crate::model::{Metric, MinuteReading, RoleMinute};
use std::collections::BTreeSet;

const VERSION: u8 = 1;

/// Farm roles of one record at the most: at 60 bytes each it stays below what a record may hold.
pub(super) const ROWS_MAX: usize = 10_000;

/// Whether bytes may be the beginning of a minute of a version known here.
pub(super) fn is_likely(payload: &[u8]) -> bool {
    payload.first() == Some(&VERSION)
}

/// Writes farm roles of one minute, which are in the order of their numbers.
pub(super) fn encode(at: Timestamp, rows: &[RoleMinute]) -> Vec<u8> {
    let mut out = vec![VERSION];
    out.extend_from_slice(&at.0.to_le_bytes());
    let metrics = Metric::ALL;
    out.push(u8::try_from(metrics.len()).unwrap_or(u8::MAX));
    for metric in metrics {
        let name = metric.series();
        out.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        out.extend_from_slice(name.as_bytes());
    }
    varint(&mut out, rows.len() as u64);
    let mut before = 0;
    for row in rows {
        varint(&mut out, row.farm_role.0.saturating_sub(before));
        before = row.farm_role.0;
        for count in [row.running, row.starting, row.target] {
            varint(&mut out, u64::from(count));
        }
        for metric in metrics {
            let reading = row.reading(metric).filter(|reading| reading.have > 0);
            varint(&mut out, reading.map_or(0, |reading| u64::from(reading.have)));
            if let Some(reading) = reading {
                out.extend_from_slice(&reading.mean.to_le_bytes());
                out.extend_from_slice(&reading.highest.to_le_bytes());
            }
        }
    }
    out
}

/// Hands out those farm roles of a minute that are wanted; `None` when the bytes are not such a
/// minute.
pub(super) fn decode(
    bytes: &[u8],
    wanted: &BTreeSet<FarmRoleId>,
    each: &mut impl FnMut(RoleMinute),
) -> Option<()> {
    let mut rest = Rest(bytes);
    if rest.byte()? != VERSION {
        return None;
    }
    let at = Timestamp(i64::from_le_bytes(rest.take()?));
    let mut metrics = Vec::new();
    for _ in 0..rest.byte()? {
        let length = usize::from(rest.byte()?);
        let name = rest.slice(length)?;
        metrics.push(Metric::ALL.into_iter().find(|metric| metric.series().as_bytes() == name));
    }
    let mut number = 0u64;
    for _ in 0..rest.varint()? {
        number = number.checked_add(rest.varint()?)?;
        let farm_role = FarmRoleId(number);
        let is_wanted = wanted.contains(&farm_role);
        let (running, starting, target) = (rest.count()?, rest.count()?, rest.count()?);
        let mut readings = Vec::new();
        for metric in &metrics {
            let have = rest.count()?;
            if have == 0 {
                continue;
            }
            let mean = f32::from_le_bytes(rest.take()?);
            let highest = f32::from_le_bytes(rest.take()?);
            let metric = metric.map(|metric| MinuteReading { metric, have, mean, highest });
            readings.extend(metric.filter(|_| is_wanted));
        }
        if is_wanted {
            each(RoleMinute { farm_role, at, running, starting, target, readings });
        }
    }
    rest.0.is_empty().then_some(())
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// What is not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn slice(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.slice(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn count(&mut self) -> Option<u32> {
        u32::try_from(self.varint()?).ok()
    }
}
