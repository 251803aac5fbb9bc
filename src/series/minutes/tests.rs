//! Minutes that survive, age out, are torn, rot and come twice.

use super::*;
use crate::base::Millis;
use crate::model::{MINUTE, Metric, MinuteReading};
use crate::series::MemoryDisk;

const DAY: Millis = 24 * 3_600_000;
/// 2026-11-21T12:00:00Z.
const NOON: Timestamp = Timestamp(1_795_262_400_000);

fn open(disk: &MemoryDisk) -> Minutes {
    Minutes::open(Box::new(disk.clone())).unwrap()
}

fn at(minute: u64) -> Timestamp {
    NOON.after(minute * MINUTE)
}

fn row(farm_role: u64, at: Timestamp, running: u32) -> RoleMinute {
    let cpu =
        MinuteReading { metric: Metric::CpuPercent, have: running, mean: 50.5, highest: 60.0 };
    let readings = if running > 0 { vec![cpu] } else { Vec::new() };
    let farm_role = FarmRoleId(farm_role);
    RoleMinute { farm_role, at, running, starting: 1, target: running + 1, readings }
}

fn read(minutes: &mut Minutes, from: Timestamp, to: Timestamp) -> Vec<RoleMinute> {
    let all = (1..=500).map(FarmRoleId).collect();
    minutes.read(&all, from, to, usize::MAX).unwrap().unwrap()
}

fn all(minutes: &mut Minutes) -> Vec<RoleMinute> {
    read(minutes, Timestamp(i64::MIN), Timestamp(i64::MAX))
}

fn record(minutes: &mut Minutes, moment: Timestamp, running: u32) {
    minutes.append(moment, &[row(1, moment, running)]).unwrap();
}

#[test]
fn a_minute_comes_back_as_it_was() {
    let disk = MemoryDisk::new();
    let mut minutes = open(&disk);
    let load = MinuteReading { metric: Metric::LoadAverages, have: 2, mean: 1.25, highest: 3e9 };
    let mut wide = row(300, at(0), 3);
    wide.readings.push(load);
    let rows = [row(1, at(0), 0), row(2, at(0), 400), wide];
    minutes.append(at(0), &rows).unwrap();
    minutes.append(at(1), &[]).unwrap();
    assert_eq!(all(&mut minutes), rows);
    let mut again = open(&disk);
    assert_eq!(all(&mut again), rows);
    assert_eq!(again.oldest(), Some(at(0)));
    let one = BTreeSet::from([FarmRoleId(2)]);
    let found = again.read(&one, at(0), at(1), 1).unwrap();
    assert_eq!(found, Some(vec![row(2, at(0), 400)]));
    assert_eq!(again.read(&one, at(1), at(2), 1).unwrap(), Some(Vec::new()));
    assert_eq!(again.read(&one, at(0), at(1), 0).unwrap(), None);
}

#[test]
fn what_is_torn_is_cut_off_and_the_rest_goes_on() {
    let disk = MemoryDisk::new();
    let mut minutes = open(&disk);
    record(&mut minutes, at(0), 1);
    let name = disk.names().remove(0);
    let first = disk.bytes(&name).len();
    record(&mut minutes, at(1), 2);
    let bytes = disk.bytes(&name);
    let zeros = [&bytes[..first], &[0; 40]].concat();
    for (length, left) in (first..bytes.len()).map(|n| (n, bytes[..n].to_vec())).chain([(0, zeros)])
    {
        disk.rot(&name, left);
        let mut minutes = open(&disk);
        assert_eq!(all(&mut minutes), [row(1, at(0), 1)], "{length}");
        record(&mut minutes, at(2), 3);
        assert_eq!(all(&mut open(&disk)), [row(1, at(0), 1), row(1, at(2), 3)], "{length}");
    }
    assert_eq!(disk.names().len(), 1);
}

#[test]
fn any_byte_may_rot() {
    let disk = MemoryDisk::new();
    let mut minutes = open(&disk);
    let rows: Vec<RoleMinute> = (0..3).map(|minute| row(1, at(minute), 2)).collect();
    for row in &rows {
        minutes.append(row.at, std::slice::from_ref(row)).unwrap();
    }
    let name = disk.names().remove(0);
    let bytes = disk.bytes(&name);
    for index in 0..bytes.len() {
        let mut rotten = bytes.clone();
        rotten[index] ^= 0x41;
        disk.rot(&name, rotten);
        let found = all(&mut open(&disk));
        let others = rows.iter().filter(|row| found.contains(row)).count();
        assert_eq!((others, found.len()), (2, 2), "byte {index}: {found:?}");
    }
}

#[test]
fn what_another_version_wrote_is_passed_over() {
    let disk = MemoryDisk::new();
    let mut minutes = open(&disk);
    record(&mut minutes, at(0), 1);
    let name = disk.names().remove(0);
    let mut bytes = disk.bytes(&name);
    frame(&[2, 7, 7, 7], &mut bytes);
    // Version 1 with a metric that is not known here.
    let mut payload = vec![1];
    payload.extend_from_slice(&at(1).0.to_le_bytes());
    payload.extend_from_slice(&[1, 3, b'n', b'e', b'w', 1, 1, 2, 0, 2, 2]);
    payload.extend_from_slice(&[0; 8]);
    frame(&payload, &mut bytes);
    disk.rot(&name, bytes);
    let other = RoleMinute { readings: Vec::new(), starting: 0, target: 2, ..row(1, at(1), 2) };
    assert_eq!(all(&mut open(&disk)), [row(1, at(0), 1), other]);
}

#[test]
fn a_full_disk_costs_those_minutes_and_no_others() {
    for fails_after in 0..4 {
        for torn in [0, 1, 20] {
            let disk = MemoryDisk::new();
            let mut minutes = open(&disk);
            disk.fail_after(fails_after, torn);
            let mut kept = Vec::new();
            for minute in 0..5 {
                let row = row(1, at(minute), 2);
                if minutes.append(row.at, std::slice::from_ref(&row)).is_ok() {
                    kept.push(row);
                }
            }
            disk.heal();
            record(&mut minutes, at(9), 2);
            kept.push(row(1, at(9), 2));
            assert_eq!(all(&mut minutes), kept, "{fails_after} {torn}");
            assert_eq!(all(&mut open(&disk)), kept, "{fails_after} {torn}");
        }
    }
}

#[test]
fn old_days_go_and_a_wrong_clock_takes_one_segment_a_minute() {
    let disk = MemoryDisk::new();
    let mut minutes = open(&disk);
    for day in 0..40 {
        let moment = NOON.after(day * DAY);
        record(&mut minutes, moment, 1);
        record(&mut minutes, moment.after(DAY - MINUTE), 2);
        minutes.sweep(moment.after(DAY)).unwrap();
    }
    // 30 whole days, and the one that is not past yet.
    assert_eq!(disk.names().len(), 31);
    let kept = all(&mut minutes);
    assert_eq!((kept.len(), kept[0].at), (62, NOON.after(9 * DAY)));
    assert_eq!(minutes.oldest(), Some(kept[0].at));
    minutes.sweep(NOON.after(4000 * DAY)).unwrap();
    assert_eq!(all(&mut open(&disk)).len(), 60);
}

#[test]
fn all_together_stay_within_their_bound() {
    let disk = MemoryDisk::new();
    let mut minutes = open(&disk);
    let rows: Vec<RoleMinute> = (1..=500).map(|role| row(role, at(0), 2)).collect();
    minutes.append(at(0), &rows).unwrap();
    let bytes = disk.bytes(&disk.names()[0]).len() as u64;
    // Segments are closed at their size; the next minute begins another.
    minutes.segments[0].bytes = MINUTES_SEGMENT_BYTES;
    minutes.append(at(1), &rows).unwrap();
    assert_eq!(minutes.segments[1].bytes, bytes);
    minutes.sweep(at(2)).unwrap();
    assert_eq!(minutes.segments.len(), 2);
    minutes.segments[0].bytes = MINUTES_BYTES_MAX;
    minutes.sweep(at(2)).unwrap();
    assert_eq!(disk.names().len(), 1);
    // The one that is written to stays, whatever its size.
    minutes.segments[0].bytes = 2 * MINUTES_BYTES_MAX;
    minutes.sweep(at(2)).unwrap();
    assert_eq!(disk.names().len(), 1);
}

#[test]
fn a_clock_set_back_records_each_minute_once() {
    let disk = MemoryDisk::new();
    let mut minutes = open(&disk);
    for (minute, running) in [(5, 1), (6, 2), (5, 8), (4, 9), (7, 3)] {
        record(&mut minutes, at(minute), running);
    }
    let expected = [(4, 9), (5, 1), (6, 2), (7, 3)];
    assert_eq!(all(&mut open(&disk)), expected.map(|(minute, n)| row(1, at(minute), n)));
}

#[test]
fn a_farm_role_takes_as_many_bytes_as_the_limit_says() {
    let load = MinuteReading { metric: Metric::LoadAverages, have: 50, mean: 1.0, highest: 2.0 };
    let rows: Vec<RoleMinute> = (1..=200)
        .map(|role| {
            let mut row = row(role, at(0), 50);
            row.readings.push(load);
            row
        })
        .collect();
    let mut bytes = Vec::new();
    frame(&record::encode(at(0), &rows), &mut bytes);
    assert!(bytes.len() <= 200 * 23 + 60, "{}", bytes.len());
}
