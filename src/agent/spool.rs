//! Readings that wait on disk while the appliance is away.
//!
//! A segment is a file of at most [`ROWS_MAX`] rows with the same series, which is also one batch
//! on the wire:
//! ```text
//! byte   1
//! u16    number of series, then per series: u8 length, name
//! then rows to the end: i64 timestamp (ms UTC), f64 per series
//! ```
//! Numbers are little-endian. Rows are appended without flushing: after a power cut the last ones
//! may be missing or torn, and a torn one shows by its length or by a time that does not follow.
//! When the spool is full, the oldest segment goes and its rows are counted.

use super::state::{State, number_name, numbers, private_file};
use crate::base::Timestamp;
use crate::wire::reading::{Batch, ROWS_MAX};
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// The names of the series, shared by all rows of one agent.
pub type Names = Arc<[String]>;

/// What was read at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// When.
    pub at: Timestamp,
    /// The series.
    pub names: Names,
    /// Their values; NaN where there is none.
    pub values: Vec<f64>,
}

/// The spool.
pub struct Spool {
    dir: PathBuf,
    bytes_max: u64,
    segments: VecDeque<Segment>,
    open: Option<Open>,
    dropped_rows: u64,
}

struct Segment {
    number: u64,
    bytes: u64,
}

/// The segment that rows are added to: always the newest.
struct Open {
    file: File,
    names: Names,
    rows: usize,
    last: Timestamp,
}

impl Spool {
    /// What waits from before. Rows go to a new segment.
    pub fn open(state: &State, bytes_max: u64) -> io::Result<Spool> {
        let dir = state.room("spool")?;
        let mut segments = VecDeque::new();
        for number in numbers(&dir)? {
            let bytes = fs::metadata(dir.join(number_name(number)))?.len();
            segments.push_back(Segment { number, bytes });
        }
        Ok(Spool { dir, bytes_max, segments, open: None, dropped_rows: 0 })
    }

    /// Adds a row, dropping the oldest ones where there is no room.
    pub fn push(&mut self, row: &Row) -> io::Result<()> {
        let length = 8 * (1 + row.values.len() as u64);
        while self.bytes() + length > self.bytes_max && self.drop_oldest() {}
        let result = self.append(row);
        if result.is_err() {
            // Half a row may be there; the next one goes to a segment of its own.
            self.open = None;
            self.dropped_rows += 1;
        }
        result
    }

    fn append(&mut self, row: &Row) -> io::Result<()> {
        let fits =
            |open: &Open| open.rows < ROWS_MAX && open.names == row.names && open.last < row.at;
        if !self.open.as_ref().is_some_and(fits) {
            self.begin(&row.names)?;
        }
        let mut bytes = row.at.0.to_le_bytes().to_vec();
        bytes.extend(row.values.iter().flat_map(|value| value.to_le_bytes()));
        if let (Some(open), Some(segment)) = (&mut self.open, self.segments.back_mut()) {
            if let Err(error) = open.file.write_all(&bytes) {
                // A part of the row may be there, which shows only at the end of a segment.
                self.open = None;
                return Err(error);
            }
            open.rows += 1;
            open.last = row.at;
            segment.bytes += bytes.len() as u64;
        }
        Ok(())
    }

    fn begin(&mut self, names: &Names) -> io::Result<()> {
        let number = self.segments.back().map_or(1, |last| last.number + 1);
        let mut header = vec![1u8];
        header.extend_from_slice(&(names.len() as u16).to_le_bytes());
        for name in names.iter() {
            header.push(name.len() as u8);
            header.extend_from_slice(name.as_bytes());
        }
        let mut file = private_file(&self.dir.join(number_name(number)))?;
        file.set_len(0)?;
        file.write_all(&header)?;
        self.segments.push_back(Segment { number, bytes: header.len() as u64 });
        self.open = Some(Open { file, names: names.clone(), rows: 0, last: Timestamp(0) });
        Ok(())
    }

    /// The oldest segment as a batch, which may be sent until [`Spool::remove`]. Rows that come
    /// later go to another one.
    pub fn oldest(&mut self) -> Option<(u64, Batch)> {
        loop {
            let number = self.segments.front()?.number;
            if self.segments.len() == 1 {
                self.open = None;
            }
            let batch = fs::read(self.dir.join(number_name(number)))
                .ok()
                .and_then(|bytes| decode(&bytes))
                .filter(|batch| !batch.at.is_empty());
            if let Some(batch) = batch {
                return Some((number, batch));
            }
            self.remove(number);
        }
    }

    /// Forgets a segment that has been acknowledged.
    pub fn remove(&mut self, number: u64) {
        if self.segments.back().is_some_and(|last| last.number == number) {
            self.open = None;
        }
        self.segments.retain(|segment| segment.number != number);
        if let Err(error) = fs::remove_file(self.dir.join(number_name(number)))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "spooled readings that were sent cannot be removed");
        }
    }

    /// Rows dropped since the agent started.
    pub fn dropped_rows(&self) -> u64 {
        self.dropped_rows
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    fn drop_oldest(&mut self) -> bool {
        let Some((number, batch)) = self.oldest() else {
            return false;
        };
        self.dropped_rows += batch.at.len() as u64;
        self.remove(number);
        true
    }
}

/// Reads a segment; a torn end is left out.
fn decode(bytes: &[u8]) -> Option<Batch> {
    let (&version, rest) = bytes.split_first()?;
    let (&count, mut rest) = rest.split_first_chunk::<2>()?;
    if version != 1 {
        return None;
    }
    let mut batch = Batch::default();
    for _ in 0..u16::from_le_bytes(count) {
        let (&length, after) = rest.split_first()?;
        let (name, after) = after.split_at_checked(usize::from(length))?;
        batch.series.push(std::str::from_utf8(name).ok()?.to_owned());
        batch.columns.push(Vec::new());
        rest = after;
    }
    let mut last = 0;
    for row in rest.chunks_exact(8 * (1 + batch.series.len())).take(ROWS_MAX) {
        let mut numbers = row.as_chunks::<8>().0.iter();
        let at = i64::from_le_bytes(*numbers.next()?);
        // Zeros that a power cut left, or half of another row.
        if at <= last {
            break;
        }
        last = at;
        batch.at.push(Timestamp(at));
        for (column, number) in batch.columns.iter_mut().zip(numbers) {
            column.push(f64::from_le_bytes(*number));
        }
    }
    Some(batch)
}

/// Rows of one agent share their series.
pub fn batch(rows: &[Row]) -> Batch {
    let Some(first) = rows.first() else { return Batch::default() };
    let rows = &rows[..rows.len().min(ROWS_MAX)];
    Batch {
        series: first.names.to_vec(),
        at: rows.iter().map(|row| row.at).collect(),
        columns: (0..first.names.len())
            .map(|series| rows.iter().map(|row| row.values[series]).collect())
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::tests::scratch;
    use crate::base::ServerId;

    fn row(at: i64, names: &[&str]) -> Row {
        let values = names.iter().map(|_| at as f64 / 2.0).collect();
        Row {
            at: Timestamp(at),
            names: names.iter().map(|name| name.to_string()).collect(),
            values,
        }
    }

    fn drain(spool: &mut Spool) -> Vec<(Vec<String>, Vec<i64>)> {
        let mut seen = Vec::new();
        while let Some((number, batch)) = spool.oldest() {
            for column in &batch.columns {
                assert!(column.iter().zip(&batch.at).all(|(v, at)| *v == at.0 as f64 / 2.0));
            }
            seen.push((batch.series, batch.at.iter().map(|at| at.0).collect()));
            spool.remove(number);
        }
        seen
    }

    #[test]
    fn rows_come_back_in_order_over_restarts_and_changes_of_series() {
        let state = State::open(&scratch("spool"), ServerId(1), "aa").unwrap();
        let mut spool = Spool::open(&state, 1 << 20).unwrap();
        spool.push(&row(1, &["a"])).unwrap();
        spool.push(&row(2, &["a"])).unwrap();
        spool.push(&row(3, &["a", "b"])).unwrap();
        drop(spool);
        let mut spool = Spool::open(&state, 1 << 20).unwrap();
        spool.push(&row(4, &["a", "b"])).unwrap();
        let (a, ab) = (vec!["a".to_owned()], vec!["a".to_owned(), "b".to_owned()]);
        let expected = vec![(a, vec![1, 2]), (ab.clone(), vec![3]), (ab, vec![4])];
        assert_eq!(drain(&mut spool), expected);
        assert!(spool.is_empty());
        assert!(Spool::open(&state, 1 << 20).unwrap().is_empty());
    }

    #[test]
    fn a_clock_set_back_loses_no_rows() {
        let state = State::open(&scratch("clock"), ServerId(1), "aa").unwrap();
        let mut spool = Spool::open(&state, 1 << 20).unwrap();
        for at in [5, 6, 2, 3] {
            spool.push(&row(at, &["a"])).unwrap();
        }
        let rows: Vec<i64> = drain(&mut spool).into_iter().flat_map(|(_, rows)| rows).collect();
        assert_eq!(rows, [5, 6, 2, 3]);
    }

    #[test]
    fn a_segment_being_sent_takes_no_more_rows() {
        let state = State::open(&scratch("sending"), ServerId(1), "aa").unwrap();
        let mut spool = Spool::open(&state, 1 << 20).unwrap();
        spool.push(&row(1, &["a"])).unwrap();
        let (number, _) = spool.oldest().unwrap();
        spool.push(&row(2, &["a"])).unwrap();
        spool.remove(number);
        assert_eq!(drain(&mut spool), [(vec!["a".to_owned()], vec![2])]);
    }

    #[test]
    fn a_full_spool_drops_the_oldest_and_counts_them() {
        let state = State::open(&scratch("full-spool"), ServerId(1), "aa").unwrap();
        let mut spool = Spool::open(&state, 16 * ROWS_MAX as u64 * 2).unwrap();
        for at in 1..=3 * ROWS_MAX as i64 {
            spool.push(&row(at, &["a"])).unwrap();
        }
        let kept: usize = drain(&mut spool).iter().map(|(_, rows)| rows.len()).sum();
        assert_eq!(kept as u64 + spool.dropped_rows(), 3 * ROWS_MAX as u64);
        assert!(kept >= ROWS_MAX, "kept {kept}");
    }

    #[test]
    fn a_segment_has_so_many_rows_of_one_kind_and_each_is_later() {
        let state = State::open(&scratch("segments"), ServerId(1), "aa").unwrap();
        let check = |rows: &[(i64, &str)], expected: &[usize]| {
            let mut spool = Spool::open(&state, 1 << 20).unwrap();
            rows.iter().for_each(|(at, name)| spool.push(&row(*at, &[name])).unwrap());
            let lengths: Vec<usize> = drain(&mut spool).iter().map(|(_, at)| at.len()).collect();
            assert_eq!(lengths, expected);
        };
        let rows =
            |count: usize| -> Vec<(i64, &str)> { (1..=count as i64).map(|at| (at, "a")).collect() };
        check(&rows(ROWS_MAX), &[ROWS_MAX]);
        check(&rows(ROWS_MAX + 1), &[ROWS_MAX, 1]);
        check(&[(1, "a"), (1, "a"), (2, "a")], &[1, 2]);
        check(&[(1, "a"), (2, "b"), (3, "b")], &[1, 2]);
    }

    #[test]
    fn a_spool_may_be_filled_to_its_last_byte() {
        // A header of one series is 5 bytes, a row of it 16.
        for (bytes_max, kept, dropped) in [(5 + 4 * 16, 4, 0), (5 + 4 * 16 - 1, 1, 3)] {
            let state = State::open(&scratch("brim"), ServerId(1), "aa").unwrap();
            let mut spool = Spool::open(&state, bytes_max).unwrap();
            (1..=4).for_each(|at| spool.push(&row(at, &["a"])).unwrap());
            assert_eq!(spool.dropped_rows(), dropped);
            // What another process finds has the same size.
            let mut spool = Spool::open(&state, bytes_max).unwrap();
            let rows: usize = drain(&mut spool).iter().map(|(_, at)| at.len()).sum();
            assert_eq!(rows, kept);
        }
    }

    #[test]
    fn a_row_that_cannot_be_kept_is_counted_and_the_next_begins_anew() {
        let dir = scratch("no-spool");
        let state = State::open(&dir, ServerId(1), "aa").unwrap();
        let mut spool = Spool::open(&state, 1 << 20).unwrap();
        spool.push(&row(1, &["a"])).unwrap();
        fs::remove_dir_all(dir.join("spool")).unwrap();
        assert!(spool.push(&row(2, &["b"])).is_err());
        assert!(spool.push(&row(3, &["a"])).is_err(), "nothing is left open");
        assert_eq!(spool.dropped_rows(), 2);
        fs::create_dir(dir.join("spool")).unwrap();
        spool.push(&row(4, &["a"])).unwrap();
        assert_eq!(drain(&mut spool), [(vec!["a".to_owned()], vec![4])]);
        assert!(spool.is_empty());
    }

    #[test]
    fn times_that_do_not_follow_end_a_segment() {
        let segment = |times: &[i64]| {
            let mut bytes = vec![1, 1, 0, 1, b'a'];
            for at in times {
                bytes.extend(at.to_le_bytes());
                bytes.extend((*at as f64).to_le_bytes());
            }
            decode(&bytes).map(|batch| batch.at.iter().map(|at| at.0).collect::<Vec<i64>>())
        };
        assert_eq!(segment(&[1, 2, 3]), Some(vec![1, 2, 3]));
        assert_eq!(segment(&[1, 2, 2, 3]), Some(vec![1, 2]));
        assert_eq!(segment(&[0, 1]), Some(vec![]));
        assert_eq!(segment(&[5, 4, 6]), Some(vec![5]));
        let many: Vec<i64> = (1..=ROWS_MAX as i64 + 1).collect();
        assert_eq!(segment(&many).map(|at| at.len()), Some(ROWS_MAX));
        assert_eq!(decode(&[2, 0, 0]), None, "of a version that nobody wrote");
        assert_eq!(decode(&[1, 1, 0, 1, 0xff]), None, "a name that is no text");
    }

    #[test]
    fn torn_segments_give_what_is_whole() {
        let state = State::open(&scratch("torn"), ServerId(1), "aa").unwrap();
        let mut spool = Spool::open(&state, 1 << 20).unwrap();
        spool.push(&row(1, &["a"])).unwrap();
        spool.push(&row(2, &["a"])).unwrap();
        let path = spool.dir.join(number_name(1));
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            let rows = decode(&whole[..length]).map_or(0, |batch| batch.at.len());
            assert_eq!(rows, length.saturating_sub(5) / 16, "cut at {length}");
        }
        let zeros = [whole.as_slice(), &[0; 64]].concat();
        assert_eq!(decode(&zeros).unwrap().at.len(), 2);
    }

    #[test]
    fn a_row_that_a_full_disk_cut_short_costs_itself() {
        let state = State::open(&scratch("spool-full"), ServerId(1), "aa").unwrap();
        let mut spool = Spool::open(&state, 1 << 20).unwrap();
        spool.push(&row(1, &["a"])).unwrap();
        // What a disk that is full in the middle of a row leaves, and says.
        let open = spool.open.as_mut().unwrap();
        open.file.write_all(&row(2, &["a"]).at.0.to_le_bytes()).unwrap();
        open.file = File::options().write(true).open("/dev/full").unwrap();
        spool.push(&row(2, &["a"])).unwrap_err();
        spool.push(&row(3, &["a"])).unwrap();
        let a = vec!["a".to_owned()];
        assert_eq!(drain(&mut spool), [(a.clone(), vec![1]), (a, vec![3])]);
    }

    #[test]
    fn a_state_whose_owner_cannot_be_read_keeps_its_key() {
        let dir = scratch("owner");
        let open = |server| State::open(&dir, ServerId(server), "aa").unwrap();
        open(1).write("key.pem", b"a key").unwrap();
        let key = |state: State| state.text("key.pem").unwrap();
        for damage in ["", "\0garbage", "1"] {
            fs::write(dir.join("owner"), damage).unwrap();
            assert_eq!(key(open(1)).as_deref(), Some("a key"), "{damage:?}");
        }
        fs::remove_file(dir.join("owner")).unwrap();
        assert_eq!(key(open(1)).as_deref(), Some("a key"));
        // Another server's is none of ours.
        assert_eq!(key(open(2)), None);
    }

    #[test]
    fn a_batch_has_its_rows_in_order_and_no_more_than_fit() {
        let names: Arc<[String]> = ["a", "b"].map(str::to_owned).into();
        let row = |at: i64| Row {
            at: Timestamp(at),
            names: names.clone(),
            values: vec![at as f64, -at as f64],
        };
        assert_eq!(batch(&[]), Batch::default());
        let rows: Vec<Row> = (1..=ROWS_MAX as i64 + 1).map(row).collect();
        let all = batch(&rows);
        assert_eq!((all.series.as_slice(), all.at.len()), (&names[..], ROWS_MAX));
        assert_eq!(batch(&rows[..2]).at, [Timestamp(1), Timestamp(2)]);
        assert_eq!(batch(&rows[..2]).columns, [[1.0, 2.0], [-1.0, -2.0]]);
    }
}
