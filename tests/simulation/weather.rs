//! What goes wrong, by seed: clouds, disks, clocks, agents, the appliance, the power.

use crate::fuse::{Crash, Point};
use grange::base::Millis;
use grange::base::random::Stream;
use grange::clouds::simulated::Faults;

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Blow {
    /// The cloud answers like this for a while.
    Cloud(Box<Faults>),
    /// One server crashes.
    Crash,
    /// One server is deleted by hand.
    Vanish,
    /// One server is put to sleep by hand, or woken if it sleeps.
    Turn,
    /// Listings leave one server out for a while.
    Overlook,
    /// Listings leave out all servers of a farm role for a while.
    Blind,
    /// Listings leave out two servers of a farm role, one long after the other.
    Doubt,
    /// Every server loses its power, and the appliance too.
    PowerCut,
    /// The appliance crashes at a commit or a cloud call that is still to come.
    Fuse(Crash),
    /// The appliance crashes now.
    Kill,
    /// The wall clock is set.
    ClockJump(i64),
    /// The store's disk fills up.
    DiskFull,
    /// The store's disk fails after so many operations.
    DiskFails(u64),
    /// The disk of the readings fails after so many operations.
    ReadingsFail(u32),
    /// Everything works again.
    Heal,
    /// Servers are as busy as this.
    Load(f64),
    /// Agents fall silent so often, in percent a second.
    Silence(u64),
    /// Listings leave out so many of the servers, in percent, others each time.
    Incomplete(u64),
    /// No agent reaches the appliance for so long.
    AgentsCutOff(Millis),
    /// The appliance reaches no cloud for so long.
    CloudCutOff(Millis),
    /// Listings of one platform hang for so long.
    ListingHangs(Millis),
    /// The appliance reaches nobody, and nobody it, for so long.
    AllCutOff(Millis),
}

names! {
    /// A blow's name in the tally.
    pub fn name(Blow), BLOWS {
        Blow::Cloud(_) => "cloud misbehaves",
        Blow::Crash => "server crashed",
        Blow::Vanish => "server deleted",
        Blow::Turn => "server put to sleep or woken by hand",
        Blow::Overlook => "server left out of listings",
        Blow::Blind => "farm role left out of listings",
        Blow::Doubt => "servers left out of listings in turn",
        Blow::PowerCut => "power cut",
        Blow::Fuse(_) => "crash due",
        Blow::Kill => "appliance killed",
        Blow::ClockJump(i64::MIN..0) => "clock set back",
        Blow::ClockJump(_) => "clock set forward",
        Blow::DiskFull => "disk full",
        Blow::DiskFails(_) => "disk fails",
        Blow::ReadingsFail(_) => "readings' disk fails",
        Blow::Heal => "all works again",
        Blow::Load(_) => "load changes",
        Blow::Silence(_) => "agents fall silent",
        Blow::Incomplete(_) => "listings are incomplete",
        Blow::AgentsCutOff(_) => "agents are cut off",
        Blow::CloudCutOff(_) => "the cloud is cut off",
        Blow::ListingHangs(_) => "listings of one cloud hang",
        Blow::AllCutOff(_) => "agents and cloud are cut off",
    }
}

/// Draws what goes wrong.
pub struct Weather {
    luck: Stream,
}

impl Weather {
    /// The weather of a seed.
    pub fn new(seed: u64) -> Weather {
        Weather { luck: Stream::new(seed, "weather") }
    }

    /// Until the next blow.
    pub fn pause(&mut self) -> Millis {
        2_000 + self.luck.below(20_000)
    }

    /// How long the appliance stays away.
    pub fn downtime(&mut self) -> Millis {
        match self.luck.below(10) {
            0..7 => 200 + self.luck.below(3_000),
            7..9 => self.luck.below(40_000),
            _ => self.luck.below(180_000),
        }
    }

    /// Whether a call that was on its way when the appliance fell arrives all the same.
    pub fn arrives(&mut self) -> bool {
        self.luck.chance(40)
    }

    /// A number below `bound`, for choosing whom it hits.
    pub fn pick(&mut self, bound: usize) -> usize {
        self.luck.below(bound.max(1) as u64) as usize
    }

    /// The next blow.
    pub fn blow(&mut self) -> Blow {
        let luck = &mut self.luck;
        match luck.below(100) {
            0..13 => Blow::Cloud(Box::new(faults(luck))),
            13..18 => Blow::Crash,
            18..21 => Blow::Doubt,
            21..24 => Blow::Vanish,
            24..28 => Blow::Overlook,
            28..31 => Blow::Blind,
            31..34 => Blow::PowerCut,
            34..50 => {
                let point = Point::ALL[luck.below(Point::ALL.len() as u64) as usize];
                let among = match point {
                    Point::BeforeCommit
                    | Point::InCommit
                    | Point::Logged
                    | Point::Synced
                    | Point::AfterCommit => 12,
                    Point::Checkpointed | Point::BeforeCall | Point::AfterCall => 3,
                };
                Blow::Fuse(Crash { point, after: luck.below(among) })
            }
            50..53 => Blow::Kill,
            53..57 => {
                let by = 1_000 + luck.below(600_000) as i64;
                Blow::ClockJump(if luck.chance(50) { by } else { -by })
            }
            57..60 => Blow::DiskFull,
            60..63 => Blow::DiskFails(luck.below(40)),
            63..65 => Blow::ReadingsFail(luck.below(6) as u32),
            65..67 => Blow::Incomplete(5 + luck.below(60)),
            67 => Blow::AgentsCutOff(luck.below(90_000)),
            68 => Blow::CloudCutOff(luck.below(120_000)),
            69 => Blow::AllCutOff(luck.below(90_000)),
            70..79 => Blow::Heal,
            79..82 => Blow::Turn,
            82..84 => Blow::ListingHangs(luck.below(60_000)),
            84..94 => Blow::Load([5.0, 40.0, 95.0][luck.below(3) as usize]),
            _ => Blow::Silence(luck.below(3)),
        }
    }
}

fn faults(luck: &mut Stream) -> Faults {
    let mut percent = |often: u64, most: u64| {
        let up = luck.chance(often);
        let value = 1 + luck.below(most);
        if up { value } else { 0 }
    };
    Faults {
        refused_percent: percent(20, 20),
        busy_percent: percent(30, 40),
        lost_request_percent: percent(40, 40),
        lost_answer_percent: percent(40, 40),
        list_failed_percent: percent(30, 60),
        stillborn_percent: percent(20, 30),
        calls_per_second_max: percent(20, 3) as u32,
        appears_after: percent(40, 20_000),
        lingers_for: percent(40, 20_000),
    }
}
