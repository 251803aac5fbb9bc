//! A file that is only read: what is written stays in memory. So a store can be looked at, its
//! recovery included, without leaving a mark in it.

use super::wal::Medium;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes that are kept together.
const BLOCK: usize = 4096;

/// A file with what was written over it.
pub(super) struct Shadow {
    file: File,
    over: Mutex<Over>,
}

struct Over {
    length: u64,
    /// Bytes of the file that count: it may have been made shorter and longer again.
    below: u64,
    blocks: BTreeMap<u64, Vec<u8>>,
}

impl Shadow {
    /// Of a file that is there.
    pub fn of(path: &Path) -> io::Result<Shadow> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let over = Over { length, below: length, blocks: BTreeMap::new() };
        Ok(Shadow { file, over: Mutex::new(over) })
    }

    fn over(&self) -> MutexGuard<'_, Over> {
        self.over.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A block as it is now, zeroes where the file ends.
    fn block(&self, over: &Over, number: u64) -> io::Result<Vec<u8>> {
        if let Some(block) = over.blocks.get(&number) {
            return Ok(block.clone());
        }
        let mut block = vec![0; BLOCK];
        let at = number * BLOCK as u64;
        let there = over.below.saturating_sub(at).min(BLOCK as u64) as usize;
        self.file.read_exact_at(&mut block[..there], at)?;
        Ok(block)
    }
}

/// The parts of some bytes: which block each is in, where in it, and how long it is.
fn parts(offset: u64, length: usize) -> Vec<(u64, usize, usize)> {
    let (mut at, end) = (offset, offset + length as u64);
    let mut out = Vec::new();
    while at < end {
        let within = (at % BLOCK as u64) as usize;
        let part = (BLOCK - within).min((end - at) as usize);
        out.push((at / BLOCK as u64, within, part));
        at += part as u64;
    }
    out
}

impl Medium for Shadow {
    fn len(&self) -> io::Result<u64> {
        Ok(self.over().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let over = self.over();
        if offset + out.len() as u64 > over.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut rest = out;
        for (number, within, part) in parts(offset, rest.len()) {
            let block = self.block(&over, number)?;
            let (now, later) = rest.split_at_mut(part);
            now.copy_from_slice(&block[within..within + part]);
            rest = later;
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut over = self.over();
        over.length = len;
        over.below = over.below.min(len);
        over.blocks.retain(|number, _| number * (BLOCK as u64) < len);
        let within = (len % BLOCK as u64) as usize;
        if within > 0
            && let Some(last) = over.blocks.get_mut(&(len / BLOCK as u64))
        {
            last[within..].fill(0);
        }
        Ok(())
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut over = self.over();
        if offset + bytes.len() as u64 > over.length {
            over.length = offset + bytes.len() as u64;
        }
        let mut rest = bytes;
        for (number, within, part) in parts(offset, bytes.len()) {
            let mut block = self.block(&over, number)?;
            let (now, later) = rest.split_at(part);
            block[within..within + part].copy_from_slice(now);
            over.blocks.insert(number, block);
            rest = later;
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
