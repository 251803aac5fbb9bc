//! What commands print, while they run: the last of it is kept for whoever reads along.
//!
//! A command writes on whatever becomes of its readers, and none of them waits for another: each
//! has a place of its own in what is kept, and is told how much went by before it was read. The
//! whole result goes its own way ([`super::outbox`]), so nothing here has to be complete.

use crate::base::OrderId;
use crate::base::limit::{LIVE_OUTPUT_BYTES_MAX, STREAM_FRAME_BYTES};
use crate::wire::stream::Body;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Which of its outputs a command wrote to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrittenTo {
    /// The standard output, which results keep apart.
    Standard,
    /// The standard error, where a command says what goes wrong.
    Error,
}

/// The commands that run here now, with what they print.
#[derive(Clone, Default)]
pub struct LiveOutputs(Arc<Mutex<BTreeMap<OrderId, Arc<LiveOutput>>>>);

/// What one command printed last.
#[derive(Default)]
pub struct LiveOutput(Mutex<Ring>);

#[derive(Default)]
struct Ring {
    pieces: VecDeque<(WrittenTo, Vec<u8>)>,
    /// The number of the first of them: every piece has one, counted from 0.
    first: u64,
    /// Bytes of them, with what each costs beside its bytes.
    cost: usize,
    /// Bytes of each output in pieces that are kept no more.
    dropped: [u64; 2],
    over: bool,
}

/// A command that runs; when it is dropped, the command has ended.
pub struct RunningCommand {
    of: LiveOutputs,
    order: OrderId,
    /// Where its output goes.
    pub output: Arc<LiveOutput>,
}

impl LiveOutputs {
    /// The command of an order begins.
    pub fn begin(&self, order: OrderId) -> RunningCommand {
        let output = Arc::new(LiveOutput::default());
        self.lock().insert(order, output.clone());
        RunningCommand { of: self.clone(), order, output }
    }

    /// Reads along with the command of an order; `None` where it does not run.
    pub fn read(&self, order: OrderId) -> Option<LiveReader> {
        let output = self.lock().get(&order)?.clone();
        Some(LiveReader { output, next: 0, offset: 0, passed: [0; 2] })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<OrderId, Arc<LiveOutput>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for RunningCommand {
    fn drop(&mut self) {
        self.output.lock().over = true;
        self.of.lock().remove(&self.order);
    }
}

impl LiveOutput {
    /// Keeps what was printed, and lets go of what was printed longest ago.
    pub fn add(&self, output: WrittenTo, bytes: &[u8]) {
        let mut ring = self.lock();
        for piece in bytes.chunks(LIVE_OUTPUT_BYTES_MAX / 8) {
            ring.cost += piece.len() + STREAM_FRAME_BYTES;
            ring.pieces.push_back((output, piece.to_vec()));
        }
        while ring.cost > LIVE_OUTPUT_BYTES_MAX
            && let Some((output, piece)) = ring.pieces.pop_front()
        {
            ring.cost -= piece.len() + STREAM_FRAME_BYTES;
            ring.dropped[output as usize] += piece.len() as u64;
            ring.first += 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody's place in what a command prints.
pub struct LiveReader {
    output: Arc<LiveOutput>,
    /// The number of the piece to be read next, and how much of it is read.
    next: u64,
    offset: usize,
    /// Bytes of each output that were read, or told to be missing.
    passed: [u64; 2],
}

impl LiveReader {
    /// What comes next, in at most so many bytes; `None` while there is nothing.
    pub fn read(&mut self, at_most: usize) -> Option<Body> {
        let ring = self.output.lock();
        for (output, passed) in
            [WrittenTo::Standard, WrittenTo::Error].into_iter().zip(&mut self.passed)
        {
            let lost = ring.dropped[output as usize].saturating_sub(*passed);
            if lost > 0 {
                *passed += lost;
                return Some(match output {
                    WrittenTo::Standard => Body::Lost(lost),
                    WrittenTo::Error => Body::ErrorLost(lost),
                });
            }
        }
        if self.next < ring.first {
            (self.next, self.offset) = (ring.first, 0);
        }
        let at = usize::try_from(self.next - ring.first).unwrap_or(usize::MAX);
        let Some((output, piece)) = ring.pieces.get(at) else {
            return ring.over.then_some(Body::End);
        };
        let rest = &piece[self.offset..];
        let bytes = rest[..rest.len().min(at_most)].to_vec();
        self.offset += bytes.len();
        self.passed[*output as usize] += bytes.len() as u64;
        if self.offset == piece.len() {
            (self.next, self.offset) = (self.next + 1, 0);
        }
        Some(match output {
            WrittenTo::Standard => Body::Data(bytes),
            WrittenTo::Error => Body::ErrorData(bytes),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: OrderId = OrderId(7);

    fn data(text: &str) -> Option<Body> {
        Some(Body::Data(text.as_bytes().to_vec()))
    }

    #[test]
    fn whoever_reads_along_has_all_of_it_in_its_order() {
        let all = LiveOutputs::default();
        assert!(all.read(ORDER).is_none(), "it has not begun");
        let running = all.begin(ORDER);
        let mut reader = all.read(ORDER).unwrap();
        assert_eq!(reader.read(100), None);
        running.output.add(WrittenTo::Standard, b"one");
        running.output.add(WrittenTo::Error, b"two");
        running.output.add(WrittenTo::Standard, b"three");
        let mut late = all.read(ORDER).unwrap();
        assert_eq!((reader.read(2), reader.read(100)), (data("on"), data("e")));
        assert_eq!(reader.read(100), Some(Body::ErrorData(b"two".to_vec())));
        assert_eq!((reader.read(100), reader.read(100)), (data("three"), None));
        drop(running);
        assert!(all.read(ORDER).is_none(), "it has ended");
        assert_eq!((reader.read(100), reader.read(100)), (Some(Body::End), Some(Body::End)));
        assert_eq!(late.read(100), data("one"));
        assert_eq!(late.read(100), Some(Body::ErrorData(b"two".to_vec())));
        assert_eq!((late.read(100), late.read(100)), (data("three"), Some(Body::End)));
    }

    #[test]
    fn what_went_by_is_counted_for_each_output_and_bounds_what_is_kept() {
        let all = LiveOutputs::default();
        let running = all.begin(ORDER);
        let mut reader = all.read(ORDER).unwrap();
        running.output.add(WrittenTo::Standard, b"first");
        assert_eq!(reader.read(2), data("fi"));
        running.output.add(WrittenTo::Error, b"error");
        for _ in 0..3 {
            running.output.add(WrittenTo::Standard, &[b'x'; LIVE_OUTPUT_BYTES_MAX]);
        }
        let ring = running.output.lock();
        assert!(ring.cost <= LIVE_OUTPUT_BYTES_MAX && ring.pieces.len() < 9);
        drop(ring);
        let (mut read, mut lost, mut errors) = (2, 0, 0);
        loop {
            match reader.read(1000) {
                Some(Body::Data(bytes)) => read += bytes.len(),
                Some(Body::Lost(bytes)) => lost += bytes as usize,
                Some(Body::ErrorLost(bytes)) => errors += bytes,
                None => break,
                Some(other) => panic!("{other:?}"),
            }
        }
        assert_eq!((read + lost, errors), (5 + 3 * LIVE_OUTPUT_BYTES_MAX, 5));
        assert!(read > LIVE_OUTPUT_BYTES_MAX / 2, "{read}");
        // Byte by byte it costs more, and is bounded all the same.
        for _ in 0..LIVE_OUTPUT_BYTES_MAX {
            running.output.add(WrittenTo::Error, b"x");
        }
        assert!(running.output.lock().pieces.len() <= LIVE_OUTPUT_BYTES_MAX / STREAM_FRAME_BYTES);
    }
}
