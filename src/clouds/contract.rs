//! The contract of [`Cloud`] as a check that any platform can be put through.
//!
//! It lives beside the trait and not in one platform's tests, because a platform that has not
//! passed it is not one. What the trait cannot do (wait until a server runs, reach its disk, kill
//! it) a [`Rig`] does, one per platform.

use crate::base::random::Stream;
use crate::base::{EnvironmentId, FarmRoleId, Secret, ServerId};
use crate::clouds::volume::{VolumeMark, VolumeRequest};
use crate::clouds::{Cloud, CloudError, CloudStep, LaunchRequest};
use crate::model::{CloudState, Sighting};

/// What the check needs of a platform beyond the trait.
pub trait Rig {
    /// Lets time pass until `until` holds or it is clear that it never will.
    fn settle(&self, until: &dyn Fn() -> bool) -> bool;
    /// Writes a text to the data volume that a server sees at `mount_point`.
    fn write(&self, server: ServerId, mount_point: &str, text: &str);
    /// Reads that text, if there is one.
    fn read(&self, server: ServerId, mount_point: &str) -> Option<String>;
    /// Kills the server's system as a crash would, leaving its disk.
    fn crash(&self, server: ServerId);
    /// Whether the platform keeps data volumes.
    fn has_volumes(&self) -> bool {
        true
    }
    /// The image and command to launch.
    fn image(&self) -> (String, Vec<String>);
}

/// What was broken: a sentence for people.
pub type Broken = String;

const MOUNT: &str = "/data";
const FARM_ROLE: FarmRoleId = FarmRoleId(71);
const VOLUME: &str = "vol-7-1";

/// Puts a platform through its contract; it must be empty and is left empty.
///
/// # Errors
/// The first promise that was broken.
pub fn check(cloud: &dyn Cloud, rig: &dyn Rig, seed: u64) -> Result<(), Broken> {
    let mut ids = Stream::new(seed, "contract");
    let check = Check { cloud, rig };
    let (first, second) = (ServerId::draw(&mut ids), ServerId::draw(&mut ids));
    check.launches_once(first)?;
    check.sleeps_and_wakes(first)?;
    check.reboots(first)?;
    check.crashes_and_starts(first)?;
    check.stops_and_starts(first)?;
    match rig.has_volumes() {
        true => check.keeps_volumes(first, second)?,
        false => check.gone(first)?,
    }
    check.terminates(second, ServerId::draw(&mut ids))
}

/// A launch request as the check makes them: one data volume, `vol-7-<index>`.
pub fn request(rig: &dyn Rig, cloud: &dyn Cloud, server: ServerId, index: u32) -> LaunchRequest {
    let (image, command) = rig.image();
    LaunchRequest {
        server,
        hostname: format!("web-{index}"),
        farm: "shop".to_owned(),
        farm_role: FARM_ROLE,
        index,
        location: "here".to_owned(),
        zone: None,
        instance_type: cloud.instance_types().first().map(|t| t.name.clone()).unwrap_or_default(),
        image,
        command,
        outbound: false,
        storage: if rig.has_volumes() { vec![volume(index)] } else { Vec::new() },
        user_data: Secret::new("{}"),
    }
}

fn volume(index: u32) -> VolumeRequest {
    VolumeRequest {
        cloud_volume_id: format!("vol-7-{index}"),
        may_be_made: true,
        mark: VolumeMark {
            env: EnvironmentId(1),
            farm_role: FARM_ROLE,
            farm: "shop".to_owned(),
            alias: "web".to_owned(),
            index,
            mount_point: MOUNT.to_owned(),
            size_bytes: 1 << 20,
            location: "here".to_owned(),
            zone: None,
        },
    }
}

struct Check<'a> {
    cloud: &'a dyn Cloud,
    rig: &'a dyn Rig,
}

impl Check<'_> {
    fn launches_once(&self, id: ServerId) -> Result<(), Broken> {
        expect(self.listed()?.is_empty(), "the platform was not empty to begin with")?;
        for round in 1..=2 {
            let done = self.launch(id, 1)?;
            expect(done.server == id, format!("launch {round} answered for another server"))?;
        }
        self.comes_to(id, CloudState::Running, "after its launch")?;
        let listed = self.listed()?;
        expect(listed.len() == 1, format!("two launches of one id made {listed:?}"))?;
        let sighting = &listed[0];
        expect(!sighting.private_ips.is_empty(), "a running server has no address")?;
        expect(!sighting.cloud_server_id.is_empty(), "a server has no id of the platform's")
    }

    fn sleeps_and_wakes(&self, id: ServerId) -> Result<(), Broken> {
        let before = self.one(id)?;
        for (step, state) in [
            (CloudStep::Suspend(id), CloudState::Suspended),
            (CloudStep::Suspend(id), CloudState::Suspended),
            (CloudStep::Resume(id), CloudState::Running),
            (CloudStep::Resume(id), CloudState::Running),
        ] {
            self.apply(&step)?;
            self.comes_to(id, state, &format!("after {step:?}"))?;
        }
        self.same_place(&before)
    }

    fn reboots(&self, id: ServerId) -> Result<(), Broken> {
        let before = self.one(id)?;
        self.apply(&CloudStep::Reboot(id))?;
        self.comes_to(id, CloudState::Running, "after a reboot")?;
        self.same_place(&before)
    }

    fn stops_and_starts(&self, id: ServerId) -> Result<(), Broken> {
        let before = self.one(id)?;
        for (step, state) in [
            (CloudStep::Stop(id), CloudState::Stopped),
            (CloudStep::Stop(id), CloudState::Stopped),
            (CloudStep::Start(id), CloudState::Running),
            (CloudStep::Suspend(id), CloudState::Suspended),
            (CloudStep::Stop(id), CloudState::Stopped),
            (CloudStep::Start(id), CloudState::Running),
        ] {
            self.apply(&step)?;
            self.comes_to(id, state, &format!("after {step:?}"))?;
        }
        self.same_place(&before)
    }

    fn crashes_and_starts(&self, id: ServerId) -> Result<(), Broken> {
        let before = self.one(id)?;
        self.rig.crash(id);
        self.comes_to(id, CloudState::Stopped, "after a crash")?;
        for _ in 0..2 {
            self.apply(&CloudStep::Start(id))?;
            self.comes_to(id, CloudState::Running, "after a start")?;
        }
        self.same_place(&before)
    }

    fn keeps_volumes(&self, first: ServerId, second: ServerId) -> Result<(), Broken> {
        self.rig.write(first, MOUNT, "kept");
        self.gone(first)?;
        self.launch(second, 1)?;
        self.comes_to(second, CloudState::Running, "as a replacement")?;
        let found = self.rig.read(second, MOUNT);
        let found_it = found.as_deref() == Some("kept");
        expect(found_it, format!("the replacement found {found:?} on its volume"))?;
        self.lists_volumes(second)?;
        let kept = self.cloud.remove_volume(VOLUME);
        let busy = matches!(kept, Err(CloudError::Busy(_)));
        expect(busy, format!("a volume in use was to be removed: {kept:?}"))?;
        self.gone(second)?;
        for _ in 0..2 {
            self.removes_volume()?;
        }
        self.makes_no_second(second)?;
        self.launch(first, 1)?;
        self.comes_to(first, CloudState::Running, "with new volumes")?;
        let found = self.rig.read(first, MOUNT);
        expect(found.is_none(), format!("a removed volume came back with {found:?}"))?;
        self.gone(first)
    }

    fn lists_volumes(&self, user: ServerId) -> Result<(), Broken> {
        let listed = self.cloud.volumes().map_err(|e| format!("listing volumes: {e}"))?;
        let [volume] = listed.as_slice() else {
            return Err(format!("one volume was made, and these are listed: {listed:?}"));
        };
        let mark = volume.mark.as_ref().map(|mark| (mark.farm.as_str(), mark.index));
        let whole = (volume.cloud_volume_id.as_str(), mark, volume.server);
        let expected = (VOLUME, Some(("shop", 1)), Some(user));
        expect(whole == expected, format!("the volume is listed as {volume:?}"))
    }

    fn removes_volume(&self) -> Result<(), Broken> {
        self.cloud.remove_volume(VOLUME).map_err(|e| format!("removing a volume: {e}"))
    }

    /// A volume that was there and is not any more is not made anew.
    fn makes_no_second(&self, id: ServerId) -> Result<(), Broken> {
        let mut request = request(self.rig, self.cloud, id, 1);
        request.storage[0].may_be_made = false;
        let answer = self.cloud.apply(&CloudStep::Launch(Box::new(request)));
        let missing = matches!(answer, Err(CloudError::NotFound(_)));
        expect(missing, format!("a launch whose volume is missing: {answer:?}"))?;
        expect(self.find(id)?.is_none(), "a launch that was refused left a server")
    }

    fn terminates(&self, known: ServerId, never: ServerId) -> Result<(), Broken> {
        for id in [known, never] {
            self.gone(id)?;
            for step in [CloudStep::Resume(id), CloudStep::Start(id), CloudStep::Reboot(id)] {
                let refused = self.cloud.apply(&step);
                let missing = matches!(refused, Err(CloudError::NotFound(_)));
                expect(missing, format!("{step:?} of what is not there: {refused:?}"))?;
            }
        }
        self.removes_volume()?;
        let left = self.cloud.volumes().map_err(|e| format!("listing volumes: {e}"))?;
        expect(left.is_empty(), format!("volumes were left behind: {left:?}"))?;
        expect(self.listed()?.is_empty(), "something was left behind")
    }

    fn launch(&self, id: ServerId, index: u32) -> Result<Sighting, Broken> {
        let request = request(self.rig, self.cloud, id, index);
        let done = self.apply(&CloudStep::Launch(Box::new(request)))?;
        done.ok_or_else(|| "a launch answered without a sighting".to_owned())
    }

    fn gone(&self, id: ServerId) -> Result<(), Broken> {
        for _ in 0..2 {
            let left = self.apply(&CloudStep::Terminate(id))?;
            expect(left.is_none(), format!("a terminated server was answered: {left:?}"))?;
        }
        let gone = || self.find(id).is_ok_and(|found| found.is_none());
        expect(self.rig.settle(&gone), "a terminated server is still listed")
    }

    fn apply(&self, step: &CloudStep) -> Result<Option<Sighting>, Broken> {
        let done = self.cloud.apply(step).map_err(|e| format!("{step:?}: {e}"))?;
        Ok(done.sighting)
    }

    fn listed(&self) -> Result<Vec<Sighting>, Broken> {
        self.cloud.list().map_err(|e| format!("listing: {e}"))
    }

    fn find(&self, id: ServerId) -> Result<Option<Sighting>, Broken> {
        Ok(self.listed()?.into_iter().find(|s| s.server == id))
    }

    fn one(&self, id: ServerId) -> Result<Sighting, Broken> {
        self.find(id)?.ok_or_else(|| format!("{id} is not listed"))
    }

    fn comes_to(&self, id: ServerId, state: CloudState, when: &str) -> Result<(), Broken> {
        let there = || self.find(id).is_ok_and(|s| s.is_some_and(|s| s.state == state));
        let reached = self.rig.settle(&there);
        expect(reached, format!("{when} a server is not {state:?} but {:?}", self.find(id)))
    }

    fn same_place(&self, before: &Sighting) -> Result<(), Broken> {
        let after = self.one(before.server)?;
        let same = after.private_ips == before.private_ips;
        expect(same, format!("a server moved from {before:?} to {after:?}"))
    }
}

fn expect(holds: bool, otherwise: impl Into<String>) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}
