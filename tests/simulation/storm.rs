//! What goes wrong, done to the world.

use crate::sabotage::Sabotage;
use crate::sky::Sky;
use crate::tally::add;
use crate::weather::{self, Blow};
use crate::world::{LOOK_EVERY, World};
use grange::base::limit::{MISSING_AT_LEAST, VANISH_WINDOW};
use grange::base::{Clock, FarmRoleId, Millis, ServerId, Timestamp};
use grange::clouds::simulated::Faults;
use grange::model::{CloudState, Grant, ServerStatus};
use grange::service::{Service, lookup};
use std::collections::BTreeMap;

impl World {
    /// Does what the weather drew.
    pub fn strike(&mut self, blow: &Blow, now: Millis) {
        add(&mut self.tally.faults, weather::name(blow));
        self.say(|| format!("weather: {blow:?}"));
        let sky = self.parts.sky.clone();
        let real = sky.real();
        let one = (!real.is_empty()).then(|| real[self.weather.pick(real.len())].server);
        match blow {
            Blow::Cloud(faults) => sky.cloud.set_faults((**faults).clone()),
            Blow::Crash => {
                if let Some(id) = one {
                    sky.excuse(id);
                    sky.cloud.crash(id);
                }
            }
            Blow::Vanish => {
                if let Some(id) = one {
                    sky.excuse(id);
                    sky.cloud.vanish(id);
                }
            }
            Blow::Turn => {
                if let Some(id) = one {
                    sky.excuse(id);
                    sky.cloud.turn(id);
                }
            }
            Blow::Overlook => {
                if let Some(id) = one {
                    sky.excuse(id);
                    sky.cloud.forget(id);
                    let longest = if self.luck.chance(50) { 90_000 } else { 240_000 };
                    self.remember_at = self.remember_at.min(now + longest);
                }
            }
            Blow::Blind => self.blind(now),
            Blow::Doubt => self.doubt(now),
            Blow::PowerCut => {
                real.iter().for_each(|real| sky.excuse(real.server));
                sky.cloud.cut_power();
                self.kill();
                // Not every cloud is heard again at once.
                if sky.platforms.len() > 1 && self.weather.pick(2) == 0 {
                    sky.cut_off_second(self.back_at + 30_000);
                    add(&mut self.tally.faults, "one of two clouds is cut off");
                }
            }
            Blow::Fuse(crash) => self.parts.fuse.light(*crash),
            Blow::Kill => self.kill(),
            Blow::ClockJump(by) => {
                self.fleet.told.steady_since = self.clock.monotonic();
                self.clock.jump_to(Timestamp(self.clock.now().0.saturating_add(*by)));
            }
            Blow::DiskFull => self.parts.disk.set_capacity(Some(self.parts.disk.used() + 1024)),
            Blow::DiskFails(count) => self.parts.disk.fail_after(*count),
            Blow::ReadingsFail(count) => self.parts.readings.fail_after(*count, 7),
            Blow::Heal => self.heal(),
            Blow::Load(load) => self.fleet.load = *load,
            Blow::Silence(percent) => self.fleet.silence_percent = *percent,
            Blow::Incomplete(percent) => sky.leave_out(*percent),
            Blow::AgentsCutOff(length) => self.fleet.cut_off(now + length),
            Blow::CloudCutOff(length) => sky.cut_off(now + length),
            Blow::ListingHangs(length) => self.hang(now + length),
            Blow::AllCutOff(length) => {
                self.fleet.cut_off(now + length);
                sky.cut_off(now + length);
            }
        }
    }

    fn heal(&mut self) {
        self.parts.sky.cloud.set_faults(Faults::default());
        self.parts.sky.leave_out(0);
        self.parts.sky.cut_off(0);
        self.parts.sky.cut_off_second(0);
        self.parts.disk.heal();
        self.parts.disk.set_capacity(None);
        self.parts.readings.heal();
        self.fleet.speak_up();
    }

    /// Listings of one platform hang; of a broken appliance's, those of every other one with it.
    fn hang(&mut self, until: Millis) {
        let Some(house) = &self.house else { return };
        let all = self.parts.sky.platforms.len();
        let one = self.weather.pick(all);
        self.parts.sky.hang(one, until);
        let together = self.run.sabotage == Some(Sabotage::OneHangsAll);
        (0..all)
            .filter(|place| together || *place == one)
            .for_each(|place| house.hang(place, until));
    }

    /// Listings leave out every server of one farm role at once, for long.
    fn blind(&mut self, now: Millis) {
        let Some(house) = &self.house else { return };
        let running = running(&self.parts.sky, house.service());
        let many: Vec<&Vec<ServerId>> = running.values().filter(|all| all.len() > 2).collect();
        if many.is_empty() {
            return;
        }
        let chosen = many[self.weather.pick(many.len())].clone();
        self.parts.sky.forget_together(&chosen);
        self.remember_at = now + 180_000;
        add(&mut self.tally.faults, "farm role really left out of listings");
    }

    /// Listings leave out one server of a farm role and later another, so far apart that nothing
    /// freezes, while their agents speak for them; then those fall silent.
    fn doubt(&mut self, now: Millis) {
        let Some(house) = &self.house else { return };
        let running = running(&self.parts.sky, house.service());
        let most = running.values().max_by_key(|all| all.len()).filter(|all| all.len() > 1);
        let Some(chosen) = most.filter(|_| self.follows.is_none()) else { return };
        self.parts.sky.excuse(chosen[0]);
        self.parts.sky.cloud.forget(chosen[0]);
        self.follows = Some((now + VANISH_WINDOW + 5_000, chosen[1]));
        self.remember_at = now + 2 * VANISH_WINDOW;
    }

    /// The other one of those.
    pub(crate) fn follow(&mut self, now: Millis) {
        if let Some((_, id)) = self.follows.take() {
            self.parts.sky.excuse(id);
            self.parts.sky.cloud.forget(id);
            self.fleet.cut_off(now + 2 * MISSING_AT_LEAST);
        }
    }

    /// Everything that goes wrong ends, and the world has time to become as declared.
    pub fn calm(&mut self) {
        self.storm = false;
        self.heal();
        self.parts.sky.calm();
        self.parts.sky.remember_all();
        self.fleet.load = 40.0;
        self.fleet.calm_since = Some(self.clock.monotonic());
        self.due.weather = Millis::MAX;
        self.remember_at = Millis::MAX;
        self.follows = None;
        self.due.people = self.clock.monotonic() + LOOK_EVERY;
        self.say(|| "the storm is over".to_owned());
    }
}

/// Servers that run, in the cloud and on record, by farm role.
fn running(sky: &Sky, service: &Service) -> BTreeMap<FarmRoleId, Vec<ServerId>> {
    let mut all: BTreeMap<FarmRoleId, Vec<ServerId>> = BTreeMap::new();
    for real in sky.real().iter().filter(|real| real.state == CloudState::Running) {
        let record = service
            .read(&Grant::job("test"), |view| lookup::server(view, real.server))
            .ok()
            .flatten();
        if record.is_some_and(|server| server.status == ServerStatus::Running) {
            all.entry(real.farm_role).or_default().push(real.server);
        }
    }
    all
}
