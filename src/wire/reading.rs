//! Batches of readings: columnar, versioned, bounded.
//!
//! ```text
//! byte    0      version, 1
//! u16            number of series, then per series: u8 length, name (UTF-8)
//! u32            number of rows, then rows x i64 timestamps (ms UTC)
//! per series     rows x f64; NaN where there is no reading
//! ```
//! Numbers are little-endian. One timestamp column serves all series of a batch, because an agent
//! reads them together.

use crate::base::Timestamp;

/// Series of one batch at the most.
pub const SERIES_MAX: usize = crate::base::limit::SERIES_PER_SERVER_MAX;
/// Rows of one batch at the most: an hour at one in 10 s.
pub const ROWS_MAX: usize = 360;

/// Readings of one server: a row per moment, a column per series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Names of the series, as `cpu_percent` or `disk_used_bytes:/data`.
    pub series: Vec<String>,
    /// When each row was read.
    pub at: Vec<Timestamp>,
    /// `columns[series][row]`; NaN where there is none.
    pub columns: Vec<Vec<f64>>,
}

/// Why bytes are no batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBatch {
    /// Written by a newer version.
    #[error("batch version {0} is not known here (1 is)")]
    Version(u8),
    /// The bytes end early, or there are some left over.
    #[error("batch is cut short or has bytes left over")]
    Length,
    /// Too many series or rows.
    #[error("batch has too many {0}")]
    TooMany(&'static str),
    /// A series name is not 1 to 120 characters of UTF-8.
    #[error("batch has a bad series name")]
    Name,
}

/// Writes a batch.
pub fn encode(batch: &Batch) -> Vec<u8> {
    let mut out = vec![1u8];
    out.extend_from_slice(&(batch.series.len() as u16).to_le_bytes());
    for name in &batch.series {
        out.push(name.len() as u8);
        out.extend_from_slice(name.as_bytes());
    }
    out.extend_from_slice(&(batch.at.len() as u32).to_le_bytes());
    for at in &batch.at {
        out.extend_from_slice(&at.0.to_le_bytes());
    }
    for column in &batch.columns {
        for value in column {
            out.extend_from_slice(&value.to_le_bytes());
        }
    }
    out
}

/// Reads a batch; anything that [`encode`] would not have written is refused.
pub fn decode(bytes: &[u8]) -> Result<Batch, BadBatch> {
    let mut rest = bytes;
    let version = take::<1>(&mut rest)?[0];
    if version != 1 {
        return Err(BadBatch::Version(version));
    }
    let series_count = usize::from(u16::from_le_bytes(take(&mut rest)?));
    if series_count > SERIES_MAX {
        return Err(BadBatch::TooMany("series"));
    }
    let mut batch = Batch::default();
    for _ in 0..series_count {
        let length = usize::from(take::<1>(&mut rest)?[0]);
        let (name, after) = rest.split_at_checked(length).ok_or(BadBatch::Length)?;
        rest = after;
        let name = std::str::from_utf8(name).map_err(|_| BadBatch::Name)?;
        if name.is_empty() || name.len() > 120 {
            return Err(BadBatch::Name);
        }
        batch.series.push(name.to_owned());
    }
    let rows = u32::from_le_bytes(take(&mut rest)?) as usize;
    if rows > ROWS_MAX {
        return Err(BadBatch::TooMany("rows"));
    }
    for _ in 0..rows {
        batch.at.push(Timestamp(i64::from_le_bytes(take(&mut rest)?)));
    }
    for _ in 0..series_count {
        let column: Result<Vec<f64>, BadBatch> =
            (0..rows).map(|_| take(&mut rest).map(f64::from_le_bytes)).collect();
        batch.columns.push(column?);
    }
    if rest.is_empty() { Ok(batch) } else { Err(BadBatch::Length) }
}

/// What values a series can have, by its name: a share in percent is 0 to 100, nothing that is
/// counted is negative, and a load is at most the threads that a Linux kernel can have
/// (`PID_MAX_LIMIT`, 2^22). An agent's own CPU is in percent of one, and it may have several.
pub fn range_of(series: &str) -> (f64, f64) {
    let kind = series.split(':').next().unwrap_or_default();
    match kind {
        "agent_cpu_percent" => (0.0, 100_000.0),
        _ if kind.ends_with("_percent") => (0.0, 100.0),
        "load_1m" => (0.0, 4_194_304.0),
        // 2^60 bytes are more than any server has, and all of them are exact.
        _ => (0.0, 1_152_921_504_606_846_976.0),
    }
}

/// Takes out readings that cannot be right: NaN, which is none, stays, and whatever is not within
/// [`range_of`] its series becomes that. The first one in words and how many there were.
pub fn refuse_nonsense(batch: &mut Batch) -> Option<(String, u64)> {
    let mut found: Option<(String, u64)> = None;
    for (series, column) in batch.series.iter().zip(&mut batch.columns) {
        let (low, high) = range_of(series);
        for value in column.iter_mut() {
            if value.is_nan() || (low..=high).contains(value) {
                continue;
            }
            let say = || (format!("{series} {value:e} is not within {low} to {high}"), 0);
            found.get_or_insert_with(say).1 += 1;
            *value = f64::NAN;
        }
    }
    found
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], BadBatch> {
    let (head, after) = rest.split_first_chunk::<N>().ok_or(BadBatch::Length)?;
    *rest = after;
    Ok(*head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Batch {
        Batch {
            series: vec!["cpu_percent".into(), "load_1m".into()],
            at: vec![Timestamp(10), Timestamp(20)],
            columns: vec![vec![1.5, 2.5], vec![0.0, -1.0]],
        }
    }

    #[test]
    fn batches_round_trip() {
        assert_eq!(decode(&encode(&sample())).unwrap(), sample());
        assert_eq!(decode(&encode(&Batch::default())).unwrap(), Batch::default());
    }

    #[test]
    fn what_cannot_be_right_is_taken_out_and_counted() {
        let check = |series: &str, value: f64, good: bool| {
            let mut batch = Batch {
                series: vec!["processes".into(), series.into()],
                at: vec![Timestamp(1), Timestamp(2)],
                columns: vec![vec![1.0, 2.0], vec![value, f64::NAN]],
            };
            let found = refuse_nonsense(&mut batch);
            assert_eq!(found.is_none(), good, "{series} {value}: {found:?}");
            assert_eq!(batch.columns[1][0].is_nan(), !good, "{series} {value}");
            assert_eq!(batch.columns[0], [1.0, 2.0]);
        };
        for series in ["cpu_percent", "memory_percent", "disk_used_percent:/a:b_c"] {
            for (value, good) in [(0.0, true), (100.0, true), (100.01, false), (400.0, false)] {
                check(series, value, good);
            }
        }
        for (value, good) in [(0.0, true), (900.0, true), (4_194_305.0, false), (1e12, false)] {
            check("load_1m", value, good);
        }
        check("agent_cpu_percent", 180.0, true);
        check("disk_size_bytes:/data", 1e15, true);
        for series in ["cpu_percent", "load_1m", "uptime_s", "net_in_bytes", "what_is_this"] {
            for value in [-0.1, -1e308, 1e308, f64::MAX, f64::INFINITY, f64::NEG_INFINITY] {
                check(series, value, false);
            }
        }
    }

    #[test]
    fn every_cut_and_every_extra_byte_is_refused() {
        let bytes = encode(&sample());
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "{length}");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(decode(&longer), Err(BadBatch::Length));
        assert_eq!(decode(&[9]), Err(BadBatch::Version(9)));
    }
}
