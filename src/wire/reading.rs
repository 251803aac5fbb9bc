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
