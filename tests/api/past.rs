//! A week of a farm role as it might have been recorded, from a seed: days and nights, an evening
//! that was too much, and a morning nobody was there to record.

use super::fake::NOW;
use grange::base::random::Stream;
use grange::base::{FarmRoleId, Millis, Problem, Result, Timestamp};
use grange::model::{MINUTE, Metric, MinuteReading, RoleMinute};
use grange::service::whatif::{Asked, Subject, report};
use grange::wire::manifest;
use grange::wire::moment;
use grange::wire::simulation::{SimulationRequest, SimulationView};

const WEEK: Millis = 7 * 1440 * MINUTE;

/// What the service would say of this past.
pub fn simulate(input: &SimulationRequest) -> Result<SimulationView> {
    let manifest = manifest::parse(&input.manifest).map_err(|faults| {
        manifest::problem(faults).unwrap_or_else(|| Problem::invalid("manifest", "unread"))
    })?;
    let farm = manifest.farm.to_string();
    if farm != "shop" {
        return Err(Problem::not_found("farm", &farm));
    }
    let now = Timestamp(NOW);
    let moment =
        |text: &str| moment::parse(text, now).map_err(|message| Problem::invalid("from", message));
    let from = moment(&input.from)?;
    let to = input.to.as_deref().map_or(Ok(now), moment)?;
    let bucket = input.bucket.as_deref().unwrap_or("3h");
    let bucket_ms = moment::length(bucket).map_err(|m| Problem::invalid("bucket", m))?;
    let declared = manifest.farm_roles.first().ok_or_else(|| Problem::not_found("role", ""))?;
    let subject = Subject {
        name: format!("shop/{}", declared.alias),
        policy: declared.scaling.clone(),
        minutes: week(),
        launch_ms: 34_000,
        notes: vec!["a launch is taken to last 34 s, the median of 12 on record".into()],
    };
    Ok(report(&Asked { farm, from, to, bucket_ms }, &[subject]))
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
