//! A week of a farm role as it might have been recorded, from a seed: days and nights, an evening
//! that was too much, and a morning nobody was there to record.

use super::world::NOW;
use grange::base::random::Stream;
use grange::base::{FarmRoleId, Millis, Timestamp};
use grange::model::{MINUTE, Metric, MinuteReading, RoleMinute};
use grange::service::Service;

const WEEK: Millis = 7 * 1440 * MINUTE;

/// The service has recorded it.
pub fn record(service: &Service) {
    for minute in week() {
        service.series.record_minute(minute.at, &[minute]).unwrap();
    }
}

/// The week before now, under rules of 60 and 20 for two to six servers.
fn week() -> Vec<RoleMinute> {
    let mut luck = Stream::new(7, "past");
    let (mut servers, mut calm) = (2u32, 0);
    let mut minutes = Vec::new();
    for minute in 0..WEEK / MINUTE {
        let at = Timestamp(NOW).before(WEEK).after(minute * MINUTE);
        let hour = at.0 / 3_600_000 % 24;
        let day = ((hour as f64 - 4.0) / 24.0 * std::f64::consts::TAU).sin().max(-0.6);
        let noise = luck.below(30) as f64 / 100.0;
        let rush = if (5000..5090).contains(&minute) { 4.5 } else { 0.0 };
        let load = 1.2 + 1.1 * day + noise + rush;
        let mean = (100.0 * load / f64::from(servers)).min(99.5);
        let reading = MinuteReading {
            metric: Metric::CpuPercent,
            have: servers,
            mean: mean as f32,
            highest: (mean + 0.4) as f32,
        };
        let (running, before) = (servers, servers);
        calm += 1;
        if mean > 60.0 && calm > 2 {
            servers = (servers + 1).min(6);
        } else if mean < 20.0 && calm > 3 {
            servers = (servers - 1).max(2);
        }
        calm = if servers == before { calm } else { 0 };
        if (7300..7420).contains(&minute) {
            continue;
        }
        minutes.push(RoleMinute {
            farm_role: FarmRoleId(1),
            at,
            running,
            starting: servers.saturating_sub(running),
            target: servers,
            readings: vec![reading],
        });
    }
    minutes
}
