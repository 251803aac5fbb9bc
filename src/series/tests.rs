//! Batches sent twice, late, ahead and cut short; disks that fill up and lose power.

use super::*;
use crate::base::ManualClock;
use crate::base::limit::{
    SERIES_HEAD_POINTS_MAX, SERIES_SEGMENT_AGE, SERIES_SEGMENT_BYTES, SERIES_SWEEP_PERIOD,
};
use crate::base::random::Stream;
use std::sync::mpsc::channel;

const NOON: Timestamp = Timestamp(1_795_262_400_000);
const WEB_1: ServerId = ServerId(1);
const WEB_2: ServerId = ServerId(2);

/// An appliance's series on a disk in memory, drained by hand.
struct Bench {
    disk: MemoryDisk,
    clock: Arc<ManualClock>,
    series: Series,
}

impl Bench {
    fn new() -> Bench {
        let (disk, clock) = (MemoryDisk::new(), Arc::new(ManualClock::at(NOON)));
        let series = open(&disk, &clock);
        Bench { disk, clock, series }
    }

    /// Starts again on the same disk, as after a crash.
    fn restart(&mut self) {
        self.series = open(&self.disk, &self.clock);
    }

    /// Sends a batch and says what came of it.
    fn send(&self, server: ServerId, batch: Batch) -> Result<(), SeriesError> {
        let (sender, receiver) = channel();
        self.series.append(server, batch, Box::new(move |result| sender.send(result).unwrap()));
        self.series.drain();
        receiver.try_recv().expect("every batch is answered")
    }

    /// CPU readings at seconds from noon.
    #[track_caller]
    fn cpu(&self, server: ServerId, readings: &[(i64, f64)]) {
        self.send(server, cpu(readings)).unwrap();
    }

    #[track_caller]
    fn check(&self, server: ServerId, expected: &[(i64, f64)]) {
        assert_eq!(self.seen(server), expected);
    }

    fn seen(&self, server: ServerId) -> Vec<(i64, f64)> {
        let all = self.series.window(server, "cpu_percent", Timestamp(0), Timestamp(i64::MAX));
        all.into_iter().map(|(at, value)| ((at.0 - NOON.0) / 1000, value)).collect()
    }
}

fn open(disk: &MemoryDisk, clock: &Arc<ManualClock>) -> Series {
    let minutes = Box::new(MemoryDisk::new());
    Series::open_on(Box::new(disk.clone()), minutes, clock.clone(), Mode::Drained).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp(NOON.0 + seconds * 1000)
}

fn cpu(readings: &[(i64, f64)]) -> Batch {
    Batch {
        series: vec!["cpu_percent".into()],
        at: readings.iter().map(|(seconds, _)| at(*seconds)).collect(),
        columns: vec![readings.iter().map(|(_, value)| *value).collect()],
    }
}

#[test]
fn readings_survive_a_restart() {
    let mut bench = Bench::new();
    bench.cpu(WEB_1, &[(-20, 1.0), (-10, 2.0)]);
    bench.cpu(WEB_2, &[(-10, 9.0)]);
    bench.restart();
    bench.cpu(WEB_1, &[(0, 3.0)]);
    bench.restart();
    bench.check(WEB_1, &[(-20, 1.0), (-10, 2.0), (0, 3.0)]);
    bench.check(WEB_2, &[(-10, 9.0)]);
}

#[test]
fn what_is_sent_twice_or_late_does_no_harm() {
    let bench = Bench::new();
    bench.cpu(WEB_1, &[(-10, 1.0), (0, 2.0)]);
    bench.cpu(WEB_1, &[(-10, 1.0), (0, 2.0)]);
    bench.cpu(WEB_1, &[(-10, 7.0)]);
    bench.check(WEB_1, &[(-10, 1.0), (0, 2.0)]);
    // An agent that was away sends its spool after what is new, in any order.
    bench.cpu(WEB_1, &[(-30, 4.0), (-40, 3.0), (-10, 8.0)]);
    bench.check(WEB_1, &[(-40, 3.0), (-30, 4.0), (-10, 1.0), (0, 2.0)]);
    let seven_hours = -7 * 3600;
    bench.cpu(WEB_1, &[(seven_hours, 5.0)]);
    assert_eq!(bench.seen(WEB_1).len(), 4);
}

#[test]
fn a_second_batch_fills_the_cells_the_first_left_empty() {
    let bench = Bench::new();
    bench.cpu(WEB_1, &[(0, f64::NAN), (10, f64::INFINITY), (20, 3.0)]);
    bench.check(WEB_1, &[(20, 3.0)]);
    bench.cpu(WEB_1, &[(0, 1.0)]);
    let load = Batch { series: vec!["load_1m".into()], ..cpu(&[(10, 0.5)]) };
    bench.send(WEB_1, load).unwrap();
    bench.check(WEB_1, &[(0, 1.0), (20, 3.0)]);
    let latest = bench.series.latest(WEB_1);
    assert_eq!(latest, [("cpu_percent".into(), at(20), 3.0), ("load_1m".into(), at(10), 0.5)]);
    assert_eq!(bench.series.latest(WEB_2), []);
}

#[test]
fn readings_from_the_future_are_refused_and_the_rest_is_kept() {
    let bench = Bench::new();
    let error = bench.send(WEB_1, cpu(&[(301, 1.0), (400, 2.0)])).unwrap_err();
    assert_eq!(error.to_string(), "readings are 5 m 1 s ahead of the appliance's clock");
    bench.cpu(WEB_1, &[(0, 1.0), (300, 2.0), (301, 3.0)]);
    bench.check(WEB_1, &[(0, 1.0), (300, 2.0)]);
}

#[test]
fn a_batch_the_log_could_not_read_back_is_refused() {
    let bench = Bench::new();
    let check = |batch: Batch| {
        let error = bench.send(WEB_1, batch).unwrap_err();
        assert!(matches!(error, SeriesError::Shape), "{error}");
    };
    check(Batch { columns: vec![], ..cpu(&[(0, 1.0)]) });
    check(Batch { columns: vec![vec![]], ..cpu(&[(0, 1.0)]) });
    check(Batch { series: vec![String::new()], ..cpu(&[(0, 1.0)]) });
    check(Batch { series: vec!["x".repeat(121)], ..cpu(&[(0, 1.0)]) });
    check(cpu(&vec![(0, 1.0); reading::ROWS_MAX + 1]));
    bench.send(WEB_1, Batch::default()).unwrap();
    assert_eq!(bench.disk.names().len(), 0, "nothing was written");
}

#[test]
fn averages_say_what_they_rest_on() {
    let bench = Bench::new();
    bench.cpu(WEB_1, &[(-50, 10.0), (-40, 20.0), (-30, 30.0), (-20, 40.0)]);
    bench.cpu(WEB_2, &[(-70, 99.0), (-10, 75.0)]);
    let check = |servers: &[ServerId], from: i64, average, have, highest, newest: Option<i64>| {
        let found = bench.series.average(servers, "cpu_percent", at(from), at(0), 100.0);
        let want = u32::try_from(servers.len()).unwrap();
        let newest_at = newest.map(at);
        assert_eq!(found, Average { average, have, want, highest, newest_at });
    };
    // Each server weighs the same, however often it sent: (25 + 75) / 2.
    check(&[WEB_1, WEB_2], -60, Some(50.0), 2, Some(75.0), Some(-10));
    check(&[WEB_1, WEB_2, ServerId(3)], -60, Some(50.0), 2, Some(75.0), Some(-10));
    check(&[WEB_1, WEB_2], -15, Some(75.0), 1, Some(75.0), Some(-10));
    check(&[WEB_1], -5, None, 0, None, None);
    check(&[], -60, None, 0, None, None);
    let other = bench.series.average(&[WEB_1], "load_1m", at(-60), at(0), 9.0);
    assert_eq!((other.average, other.have), (None, 0));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn one_of_n_servers_moves_an_average_by_at_most_its_share(
        others in proptest::collection::vec(0.0f64..200.0, 0..12),
        says in proptest::collection::vec(proptest::num::f64::ANY, 1..5),
        honest in 0.0f64..200.0,
        at_most in 0.0f64..100.0,
    ) {
        let average = |readings: &[f64]| {
            let bench = Bench::new();
            for (server, value) in others.iter().enumerate() {
                bench.cpu(ServerId(server as u128), &[(-10, *value)]);
            }
            let one = ServerId(others.len() as u128);
            for (row, value) in readings.iter().enumerate() {
                bench.cpu(one, &[(-1 - row as i64, *value)]);
            }
            let all: Vec<ServerId> = (0..=one.0).map(ServerId).collect();
            bench.series.average(&all, "cpu_percent", at(-60), at(0), at_most)
        };
        let (before, after) = (average(&[honest]), average(&says));
        let Some(found) = after.average else { return Ok(()) };
        proptest::prop_assert!((0.0..=at_most + 1e-9).contains(&found), "{found}");
        if after.have == before.have {
            let share = at_most / f64::from(after.have);
            let moved = (found - before.average.unwrap()).abs();
            proptest::prop_assert!(moved <= share + 1e-9, "{moved} of {share}");
        }
    }
}

#[test]
fn a_log_cut_anywhere_in_its_last_record_keeps_the_others() {
    let mut bench = Bench::new();
    bench.cpu(WEB_1, &[(-20, 1.0)]);
    let name = bench.disk.names().remove(0);
    let whole = bench.disk.bytes(&name).len();
    bench.cpu(WEB_1, &[(-10, 2.0)]);
    let bytes = bench.disk.bytes(&name);
    for length in whole..=bytes.len() {
        bench.disk.rot(&name, bytes[..length].to_vec());
        bench.restart();
        let kept: &[(i64, f64)] = &[(-20, 1.0), (-10, 2.0)];
        bench.check(WEB_1, if length == bytes.len() { kept } else { &kept[..1] });
        // What is written after the cut is found as well, the cut-off batch among it.
        bench.cpu(WEB_1, &[(-10, 2.0), (0, 3.0)]);
        bench.restart();
        bench.check(WEB_1, &[(-20, 1.0), (-10, 2.0), (0, 3.0)]);
    }
}

#[test]
fn a_flipped_bit_costs_one_record() {
    let mut bench = Bench::new();
    let all: Vec<(i64, f64)> = (0..8).map(|i| (i * 10 - 80, i as f64)).collect();
    for reading in &all {
        bench.cpu(WEB_1, &[*reading]);
    }
    let name = bench.disk.names().remove(0);
    let bytes = bench.disk.bytes(&name);
    for index in 0..bytes.len() * 8 {
        let mut rotten = bytes.clone();
        rotten[index / 8] ^= 1 << (index % 8);
        bench.disk.rot(&name, rotten);
        bench.restart();
        let lost: Vec<_> = all.iter().filter(|r| !bench.seen(WEB_1).contains(r)).collect();
        let damaged = &all[index / 8 * all.len() / bytes.len()];
        assert_eq!((lost, bench.seen(WEB_1).len()), (vec![damaged], 7), "bit {index}");
        bench.cpu(WEB_1, &[(0, 9.0)]);
        bench.restart();
        assert!(bench.seen(WEB_1).contains(&(0, 9.0)), "bit {index}: what came after it");
        bench.disk.names().iter().skip(1).for_each(|name| bench.disk.clone().remove(name).unwrap());
    }
}

#[test]
fn holes_anywhere_cost_what_was_in_them() {
    let mut bench = Bench::new();
    for i in 0..40 {
        bench.cpu(ServerId(i), &[(-10, i as f64)]);
    }
    let name = bench.disk.names().remove(0);
    let bytes = bench.disk.bytes(&name);
    let size = bytes.len() / 40;
    let mut random = Stream::new(7, "holes");
    for _ in 0..200 {
        let from = random.below(bytes.len() as u64) as usize;
        let to = (from + 1 + random.below(300) as usize).min(bytes.len());
        let mut rotten = bytes.clone();
        rotten[from..to].iter_mut().for_each(|byte| *byte = random.below(256) as u8);
        bench.disk.rot(&name, rotten);
        bench.restart();
        for i in 0..40 {
            let whole = (i + 1) * size <= from || i * size >= to;
            let seen = bench.seen(ServerId(i as u128));
            assert!(seen == [(-10, i as f64)] || !whole && seen.is_empty(), "{from}..{to}, {i}");
        }
    }
}

#[test]
fn a_clean_stop_leaves_one_record_a_server_that_says_the_same() {
    let mut bench = Bench::new();
    for i in 0..500 {
        bench.cpu(WEB_1, &[(i * 10 - 5000, i as f64)]);
        bench.cpu(WEB_2, &[(i * 10 - 5000, 1.0)]);
        bench.cpu(ServerId(3), &[(i * 10 - 5000, 1.0)]);
    }
    bench.series.forget(WEB_2);
    bench.series.drain();
    let (seen, latest) = (bench.seen(WEB_1), bench.series.latest(WEB_1));
    let name = bench.disk.names().remove(0);
    let before = bench.disk.bytes(&name).len();
    bench.series.close();
    let sealed = bench.disk.bytes(&name);
    let records: Vec<LogRecord> = record::Pieces::of(&sealed, record::is_likely)
        .map(|piece| match piece {
            record::Piece::Whole(payload) => record::decode(payload).unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    // The one that is gone, and two batches of at most 360 rows for each that is not.
    assert_eq!(records.len(), 5);
    assert!(sealed.len() * 3 < before, "{} of {before}", sealed.len());
    for _ in 0..2 {
        bench.restart();
        assert_eq!((bench.seen(WEB_1), bench.series.latest(WEB_1)), (seen.clone(), latest.clone()));
        bench.check(WEB_2, &[]);
        bench.series.close();
    }
    assert_eq!(bench.disk.bytes(&name), sealed, "nothing was written, so nothing is sealed anew");
    bench.restart();
    bench.cpu(WEB_1, &[(0, 7.0)]);
    bench.restart();
    assert_eq!(bench.seen(WEB_1).len(), 501, "a sealed segment is written to again");
    assert_eq!(bench.disk.names().len(), 1);
}

#[test]
fn a_segment_is_sealed_when_the_next_begins_and_a_full_disk_does_no_harm() {
    let mut bench = Bench::new();
    let fill = |bench: &Bench| {
        for i in 0..60 {
            bench.cpu(WEB_1, &[(i - 60, i as f64)]);
        }
    };
    fill(&bench);
    let first = bench.disk.names().remove(0);
    let before = bench.disk.bytes(&first).len();
    bench.clock.advance(SERIES_SEGMENT_AGE);
    // The next segment is appended to and synced, and then the disk is full.
    bench.disk.fail_after(2, 0);
    bench.cpu(WEB_1, &[(0, 0.0)]);
    assert_eq!(bench.disk.bytes(&first).len(), before);
    bench.disk.heal();
    fill(&bench);
    bench.clock.advance(SERIES_SEGMENT_AGE);
    bench.cpu(WEB_1, &[(1, 0.0)]);
    let second = bench.disk.names().remove(1);
    assert!(bench.disk.bytes(&second).len() * 3 < before);
    bench.restart();
    assert_eq!(bench.seen(WEB_1).len(), 62);
}

#[test]
fn readings_of_ten_servers_share_one_sync() {
    let (disk, clock) = (MemoryDisk::new(), Arc::new(ManualClock::at(NOON)));
    let log = Log::open(Box::new(disk.clone()), NOON, |_| {}).unwrap();
    let (sender, receiver) = sync_channel(SERIES_QUEUE_MAX);
    // A window that no machine is too slow for; the end of the queue ends it.
    let worker = Worker::new(log, Arc::default(), clock, receiver);
    let worker = worker.gathering(std::time::Duration::from_secs(600));
    let thread = std::thread::spawn(move || worker.run());
    let (answer, answers) = channel();
    for server in 0..10 {
        let (answer, syncs) = (answer.clone(), disk.clone());
        let done: Done = Box::new(move |r| answer.send((r.is_ok(), syncs.syncs())).unwrap());
        let record = LogRecord::Rows(ServerId(server), cpu(&[(0, 1.0)]));
        sender.send(Request { record, done }).unwrap();
    }
    drop(sender);
    thread.join().unwrap();
    assert_eq!(answers.try_iter().collect::<Vec<_>>(), [(true, 1); 10], "answered after the sync");
    assert_eq!(disk.syncs(), 1);
}

#[test]
fn what_was_answered_survives_a_power_cut_whatever_the_disk_did() {
    // Fails at each operation in turn, having written some of it, then loses power.
    for fails_after in 0..8 {
        for torn in [0, 1, 20, 1000] {
            let mut bench = Bench::new();
            bench.disk.fail_after(fails_after, torn);
            let mut answered = Vec::new();
            for i in 0..4 {
                let reading = (i - 10, i as f64);
                match bench.send(WEB_1, cpu(&[reading])) {
                    Ok(()) => answered.push(reading),
                    Err(SeriesError::Writing { source }) => {
                        assert_eq!(source.kind(), io::ErrorKind::StorageFull);
                    }
                    Err(other) => panic!("{other}"),
                }
            }
            bench.check(WEB_1, &answered);
            bench.disk.heal();
            bench.cpu(WEB_1, &[(0, 9.0)]);
            answered.push((0, 9.0));
            bench.disk.cut_power(torn);
            bench.restart();
            let seen = bench.seen(WEB_1);
            let lost: Vec<_> = answered.iter().filter(|reading| !seen.contains(reading)).collect();
            assert!(lost.is_empty(), "lost {lost:?} of {answered:?}; {fails_after} {torn}");
        }
    }
}

#[test]
fn a_server_that_is_gone_stays_gone() {
    let mut bench = Bench::new();
    bench.cpu(WEB_1, &[(0, 1.0)]);
    bench.cpu(WEB_2, &[(0, 2.0)]);
    bench.series.forget(WEB_1);
    bench.series.drain();
    bench.check(WEB_1, &[]);
    bench.restart();
    bench.check(WEB_1, &[]);
    bench.check(WEB_2, &[(0, 2.0)]);
}

#[test]
fn old_rows_and_old_segments_go() {
    let mut bench = Bench::new();
    for hour in 0..9 {
        bench.cpu(WEB_1, &[(hour * 3600, 1.0)]);
        bench.clock.advance(SERIES_SEGMENT_AGE);
        bench.series.drain();
    }
    // It is 21:00: six hours back is 15:00.
    let hours: Vec<i64> = bench.seen(WEB_1).iter().map(|(seconds, _)| seconds / 3600).collect();
    assert_eq!(hours, [3, 4, 5, 6, 7, 8]);
    assert_eq!(bench.disk.names().len(), 6);
    bench.restart();
    assert_eq!(bench.seen(WEB_1).len(), 6);
    bench.clock.advance(SERIES_RETENTION + SERIES_SWEEP_PERIOD);
    bench.series.drain();
    assert_eq!(bench.series.size(), (0, 0));
    assert_eq!(bench.disk.names().len(), 1, "the newest stays");
}

#[test]
fn segments_are_closed_at_a_size_and_memory_is_bounded() {
    let bench = Bench::new();
    let rows = reading::ROWS_MAX as i64;
    let mut wide = cpu(&(0..rows).map(|i| (i - rows, 1.0)).collect::<Vec<_>>());
    wide.series = (0..reading::SERIES_MAX).map(|i| format!("s{i}")).collect();
    wide.columns = vec![wide.columns[0].clone(); reading::SERIES_MAX];
    let sends = 2 * SERIES_SEGMENT_BYTES / (64 * 360 * 8);
    for i in 0..sends as i64 {
        let mut batch = wide.clone();
        batch.at.iter_mut().for_each(|at| at.0 -= i * rows * 1000 / 5);
        bench.send(WEB_1, batch).unwrap();
    }
    assert_eq!(bench.disk.names().len(), 3);
    let (servers, cells) = bench.series.size();
    assert_eq!(servers, 1);
    assert!(cells <= SERIES_HEAD_POINTS_MAX * reading::SERIES_MAX, "{cells}");
    let extra = Batch { series: vec!["one more".into()], ..cpu(&[(0, 1.0)]) };
    bench.send(WEB_1, extra).unwrap();
    assert_eq!(bench.series.latest(WEB_1).len(), reading::SERIES_MAX);
}

#[test]
fn what_does_not_fit_the_queue_is_told_so_and_close_answers_all() {
    let bench = Bench::new();
    let (sender, receiver) = channel();
    for i in 0..=SERIES_QUEUE_MAX as i64 {
        let sender = sender.clone();
        let batch = cpu(&[(-i, 1.0)]);
        bench.series.append(WEB_1, batch, Box::new(move |r| sender.send(r.is_ok()).unwrap()));
    }
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [false], "one too many");
    bench.series.close();
    assert_eq!(receiver.try_iter().filter(|ok| *ok).count(), SERIES_QUEUE_MAX);
    assert!(matches!(bench.send_closed(), Err(SeriesError::Closed)));
}

impl Bench {
    fn send_closed(&self) -> Result<(), SeriesError> {
        self.send(WEB_1, cpu(&[(0, 1.0)]))
    }
}

#[test]
fn a_real_folder_and_a_thread_of_its_own() {
    let folder = std::env::temp_dir().join(format!("grange-series-{}", std::process::id()));
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOON));
    for round in 0..3 {
        let series = Series::open(&folder, Arc::clone(&clock), Mode::Thread).unwrap();
        let (sender, receiver) = channel();
        for i in 0..50 {
            let sender = sender.clone();
            let batch = cpu(&[(round * 50 + i - 1000, 1.0)]);
            series.append(WEB_1, batch, Box::new(move |r| sender.send(r).unwrap()));
        }
        series.close();
        let answers: Vec<Result<(), SeriesError>> = receiver.try_iter().collect();
        assert_eq!(answers.len(), 50);
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        let count = series.window(WEB_1, "cpu_percent", at(-2000), at(0)).len();
        assert_eq!(count, 50 * (round as usize + 1));
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_disk_that_stays_full_has_no_more_files_for_it() {
    let mut bench = Bench::new();
    bench.cpu(WEB_1, &[(-3, 1.0)]);
    for torn in [0, 7] {
        bench.disk.fail_after(0, torn);
        (0..50).for_each(|_| assert!(bench.send(WEB_1, cpu(&[(-2, 2.0)])).is_err()));
        bench.disk.heal();
        bench.cpu(WEB_1, &[(-1, 3.0)]);
    }
    let names = bench.disk.names();
    // The one that failed first, and one for each time there was space again.
    assert_eq!(names, (1..=names.len() as u64).map(log::name).collect::<Vec<_>>());
    assert!(names.len() <= 3, "{names:?}");
    bench.restart();
    bench.check(WEB_1, &[(-3, 1.0), (-1, 3.0)]);
}
