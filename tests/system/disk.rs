//! What a server writes has a bound: real loop devices, real file systems, real kills.

use crate::onboard::{Yard, eventually, ids, traces};
use grange::base::ServerId;
use grange::clouds::contract::Rig;
use grange::clouds::onboard::{Isolation, overcommitted};
use grange::clouds::{Cloud, CloudError, CloudStep};
use grange::model::{CloudState, NoticeKind};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

/// Of the size `nano`.
const BOUND: u64 = 512 << 20;
/// Writes to its root until it is refused, and says how that went; then stays.
const FILL: &str = "dd if=/dev/zero of=/fill bs=1M count=4000 2> /data/new; \
                    mv /data/new /data/said; exec sleep 86400";

fn devices(yard: &Yard, servers: &[ServerId]) -> BTreeSet<String> {
    let all = traces(yard, servers).into_iter();
    all.filter(|trace| trace.starts_with("device ")).collect()
}

#[test]
fn a_server_that_fills_its_disk_fills_no_other() {
    let yard = Yard::new("fills", Isolation::Namespaces);
    let mut next = ids();
    let (greedy, modest) = (next(), next());
    yard.launch(modest, 1, &["sleep", "86400"]).unwrap();
    let image = |id: ServerId| {
        let directory = yard.directory.join("state/servers").join(id.to_string());
        let found = fs::metadata(directory.join("disk.img")).unwrap();
        (found.len(), std::os::unix::fs::MetadataExt::blocks(&found) * 512)
    };
    let (length, taken) = image(modest);
    assert_eq!(length, BOUND);
    assert!(taken < 8 << 20, "an empty disk takes {taken} bytes");
    yard.launch(greedy, 2, &["sh", "-c", FILL]).unwrap();
    assert!(eventually(|| yard.read_within(greedy, "/data/said").is_some()));
    let said = yard.read_within(greedy, "/data/said").unwrap();
    assert!(said.contains("No space left on device"), "{said}");
    assert!(image(greedy).1 <= BOUND + (1 << 20), "{:?}", image(greedy));
    // It is its own trouble, and people are told.
    let told = yard.cloud.examine();
    let full = |id| told.iter().any(|n| n.server == Some(id) && n.kind == NoticeKind::Disk);
    assert!(full(greedy) && !full(modest), "{told:?}");
    assert!(told.iter().any(|n| n.text.contains("its disk is full: 512 MiB")), "{told:?}");
    fs::write(format!("/proc/{}/root/fine", yard.cloud.init_pid(modest).unwrap()), "fine").unwrap();
    // It goes like any other, with its data volume kept.
    yard.cloud.apply(&CloudStep::Terminate(greedy)).unwrap();
    assert_eq!(yard.state(greedy), None);
    assert!(eventually(|| devices(&yard, &[greedy, modest]).len() == 1));
    assert!(yard.cloud.volumes().unwrap().iter().all(|volume| volume.mark.is_some()));
}

/// A setting says how large; servers of before keep what they have. What is deleted is given back.
#[test]
fn disks_are_as_large_as_a_setting_says() {
    let mut yard = Yard::with_disks("set", Isolation::Namespaces, Some(96 << 20));
    let mut next = ids();
    let (first, second) = (next(), next());
    yard.launch(first, 1, &["sh", "-c", FILL]).unwrap();
    let image = |yard: &Yard, id: ServerId| {
        let directory = yard.directory.join("state/servers").join(id.to_string());
        fs::metadata(directory.join("disk.img")).unwrap()
    };
    assert_eq!(image(&yard, first).len(), 96 << 20);
    assert!(eventually(|| yard.read_within(first, "/data/said").is_some()));
    let told = yard.cloud.examine();
    assert!(told.iter().any(|n| n.text.contains("its disk is full: 96 MiB")), "{told:?}");
    fs::remove_file(format!("/proc/{}/root/fill", yard.cloud.init_pid(first).unwrap())).unwrap();
    let blocks = || std::os::unix::fs::MetadataExt::blocks(&image(&yard, first));
    assert!(eventually(|| blocks() * 512 < 32 << 20), "{} blocks stay", blocks());
    assert!(yard.cloud.examine().iter().all(|n| n.kind != NoticeKind::Disk));
    yard.reopen();
    yard.cloud.apply(&CloudStep::Reboot(first)).unwrap();
    yard.launch(second, 2, &["sleep", "86400"]).unwrap();
    assert_eq!((image(&yard, first).len(), image(&yard, second).len()), (96 << 20, BOUND));
}

/// A machine that lends no devices has servers without a bound, and says so wherever one looks.
#[test]
fn without_loop_devices_servers_run_and_people_are_told() {
    let script = "mount --bind /dev/null /dev/loop-control && exec \"$0\" appliance doctor";
    let doctor = Command::new("unshare")
        .args(["-m", "sh", "-c", script, env!("CARGO_BIN_EXE_grange")])
        .output()
        .unwrap();
    let doctor = String::from_utf8(doctor.stdout).unwrap();
    assert!(doctor.contains("a server on this machine can fill its disk"), "{doctor}");
    // The mounts of one thread, and of what it starts.
    std::thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(None::<&str>, "/", None::<&str>, private, None::<&str>).unwrap();
        let null = Some("/dev/null");
        mount(null, "/dev/loop-control", None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
        let yard = Yard::new("lends-none", Isolation::Namespaces);
        let id = ids()();
        yard.launch(id, 1, &["sleep", "86400"]).unwrap();
        assert_eq!(yard.state(id), Some(CloudState::Running));
        let told = yard.cloud.examine();
        let told: Vec<_> = told.iter().filter(|n| n.kind == NoticeKind::Disk).collect();
        assert_eq!((told.len(), told[0].server), (1, None), "{told:?}");
        assert!(told[0].text.contains("nothing bounds what servers write"), "{told:?}");
        assert!(told[0].text.contains("a free loop device"), "{told:?}");
    })
    .join()
    .unwrap();
}

/// A boot that ends while it has a device and no mount leaves none.
#[test]
fn a_launch_that_ends_between_two_steps_leaves_no_device() {
    let yard = Yard::new("between", Isolation::Namespaces);
    let id = ids()();
    yard.launch(id, 1, &["sleep", "86400"]).unwrap();
    yard.cloud.apply(&CloudStep::Stop(id)).unwrap();
    let image = yard.directory.join("state/servers").join(id.to_string()).join("disk.img");
    // Its file system is written back when its device goes.
    assert!(eventually(|| devices(&yard, &[id]).is_empty()), "{:?}", devices(&yard, &[id]));
    let aside = yard.directory.join("aside");
    fs::rename(&image, &aside).unwrap();
    fs::write(&image, vec![0; 1 << 20]).unwrap();
    let refused = yard.cloud.apply(&CloudStep::Start(id)).unwrap_err().to_string();
    assert!(refused.contains("mounting") && refused.contains("disk.img"), "{refused}");
    assert!(eventually(|| devices(&yard, &[id]).is_empty()), "{:?}", devices(&yard, &[id]));
    fs::rename(&aside, &image).unwrap();
    yard.cloud.apply(&CloudStep::Start(id)).unwrap();
    assert_eq!(devices(&yard, &[id]).len(), 1);
}

/// What was written is there after every way to stop, and no device stays.
#[test]
fn a_disk_outlives_stops_crashes_and_the_appliance() {
    let mut yard = Yard::new("outlives", Isolation::Namespaces);
    let id = ids()();
    yard.launch(id, 1, &["sleep", "86400"]).unwrap();
    let note = |yard: &Yard| yard.read_within(id, "/note");
    let pid = yard.cloud.init_pid(id).unwrap();
    fs::write(format!("/proc/{pid}/root/note"), "written").unwrap();
    assert_eq!(devices(&yard, &[id]).len(), 1);
    // Another appliance process: the server runs on, on the same device.
    let before = devices(&yard, &[id]);
    yard.reopen();
    assert_eq!((devices(&yard, &[id]), note(&yard).as_deref()), (before, Some("written")));
    for step in [CloudStep::Reboot(id), CloudStep::Stop(id)] {
        yard.cloud.apply(&step).unwrap();
    }
    assert!(eventually(|| devices(&yard, &[id]).is_empty()), "{:?}", devices(&yard, &[id]));
    yard.cloud.apply(&CloudStep::Start(id)).unwrap();
    assert_eq!(note(&yard).as_deref(), Some("written"));
    Rig::crash(&yard, id);
    assert!(eventually(|| yard.state(id) == Some(CloudState::Stopped)));
    assert!(eventually(|| devices(&yard, &[id]).is_empty()));
    yard.cloud.apply(&CloudStep::Start(id)).unwrap();
    assert_eq!((note(&yard).as_deref(), devices(&yard, &[id]).len()), (Some("written"), 1));
    // As the power does: everything stops, and comes up again.
    yard.cloud.stop_all().unwrap();
    assert!(eventually(|| devices(&yard, &[id]).is_empty()));
    yard.reopen();
    yard.cloud.apply(&CloudStep::Start(id)).unwrap();
    assert_eq!(note(&yard).as_deref(), Some("written"));
    yard.cloud.remove_all(true).unwrap();
    assert!(eventually(|| traces(&yard, &[id]).is_empty()), "{:?}", traces(&yard, &[id]));
}

/// A server of before there were disks goes on with its layer in its directory.
#[test]
fn a_server_without_a_disk_keeps_its_layer() {
    let yard = Yard::new("layer", Isolation::Namespaces);
    let id = ids()();
    yard.launch(id, 1, &["sleep", "86400"]).unwrap();
    yard.cloud.apply(&CloudStep::Stop(id)).unwrap();
    let directory = yard.directory.join("state/servers").join(id.to_string());
    fs::remove_file(directory.join("disk.img")).unwrap();
    for name in ["upper", "work"] {
        fs::create_dir_all(directory.join(name)).unwrap();
    }
    fs::write(directory.join("upper/note"), "of before").unwrap();
    yard.cloud.apply(&CloudStep::Start(id)).unwrap();
    assert_eq!(yard.read_within(id, "/note").as_deref(), Some("of before"));
    assert!(!directory.join("disk.img").exists());
    // The kernel lets go of the one of the boot before in its own time.
    assert!(eventually(|| devices(&yard, &[id]).is_empty()));
}

#[test]
fn a_volume_that_is_gone_is_not_made_anew_by_a_start() {
    for isolation in [Isolation::Namespaces, Isolation::Processes] {
        let yard = Yard::new(&format!("gone-{isolation:?}"), isolation);
        let id = ids()();
        yard.launch(id, 1, &["sleep", "86400"]).unwrap();
        let named = yard.cloud.volumes().unwrap().remove(0).cloud_volume_id;
        let at = yard.directory.join("state/volumes").join(&named);
        fs::rename(&at, yard.directory.join("aside")).unwrap();
        for step in [CloudStep::Reboot(id), CloudStep::Start(id)] {
            let refused = yard.cloud.apply(&step).unwrap_err().to_string();
            assert!(refused.contains("is not there any more"), "{refused}");
        }
        assert_eq!(yard.state(id), Some(CloudState::Running), "it was stopped for nothing");
        fs::rename(yard.directory.join("aside"), &at).unwrap();
        yard.cloud.apply(&CloudStep::Reboot(id)).unwrap();
    }
}

/// Volumes were called after their place once.
#[test]
fn a_volume_of_before_is_found_by_its_place() {
    let yard = Yard::new("place", Isolation::Namespaces);
    let id = ids()();
    let old = yard.directory.join("state/volumes/71-1-0");
    fs::create_dir_all(&old).unwrap();
    fs::write(old.join("note"), "of before").unwrap();
    let listed = yard.cloud.volumes().unwrap();
    assert_eq!(listed[0].place, Some((grange::base::FarmRoleId(71), 1, 0)));
    yard.launch(id, 1, &["sleep", "86400"]).unwrap();
    assert_eq!(yard.read(id, "/data").as_deref(), Some("of before"));
    let listed = yard.cloud.volumes().unwrap();
    assert_eq!((listed.len(), listed[0].server), (1, Some(id)));
}

/// Devices that run out are said, and nothing of the launch stays; with one more it goes on.
#[test]
fn a_launch_without_a_loop_device_is_refused_and_tried_again() {
    // The mounts of one thread, and of what it starts.
    std::thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(None::<&str>, "/", None::<&str>, private, None::<&str>).unwrap();
        let yard = Yard::new("runs-out", Isolation::Namespaces);
        let id = ids()();
        let null = Some("/dev/null");
        mount(null, "/dev/loop-control", None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
        let refused = yard.launch(id, 1, &["sleep", "86400"]).unwrap_err();
        assert!(matches!(refused, CloudError::Busy(_)), "{refused}");
        assert!(refused.to_string().contains("a free loop device"), "{refused}");
        assert_eq!((yard.state(id), devices(&yard, &[id])), (None, BTreeSet::new()));
        assert!(!yard.directory.join("state/servers").join(id.to_string()).exists());
        nix::mount::umount("/dev/loop-control").unwrap();
        yard.launch(id, 1, &["sleep", "86400"]).unwrap();
        assert_eq!(yard.state(id), Some(CloudState::Running));
    })
    .join()
    .unwrap();
}

/// Whoever builds a server is killed the moment it has a device, before that is mounted or soon
/// after: neither the device nor a file stays, and the next launch is as good as any.
#[test]
fn a_boot_that_is_killed_with_a_device_leaves_none() {
    let yard = Yard::new("killed", Isolation::Namespaces);
    let mut next = ids();
    let mut cut = 0;
    for index in 1..=10 {
        let id = next();
        let directory = yard.directory.join("state/servers").join(id.to_string());
        let killer = {
            let directory = directory.clone();
            std::thread::spawn(move || {
                let image = directory.join("disk.img").display().to_string();
                let begun = std::time::Instant::now();
                while begun.elapsed() < std::time::Duration::from_secs(20) {
                    if !attached().contains(&image) {
                        continue;
                    }
                    let init = fs::read_to_string(directory.join("init.json")).unwrap();
                    let init: serde_json::Value = serde_json::from_str(&init).unwrap();
                    let pid = i32::try_from(init["pid"].as_i64().unwrap()).unwrap();
                    let pid = nix::unistd::Pid::from_raw(pid);
                    return nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).is_ok();
                }
                false
            })
        };
        let launched = yard.launch(id, index, &["sleep", "86400"]);
        assert!(killer.join().unwrap(), "it never had a device");
        match launched {
            Err(_) => {
                cut += 1;
                assert!(!directory.exists(), "the launch was refused and left its directory");
            }
            // Killed once it was up.
            Ok(_) => yard.cloud.apply(&CloudStep::Terminate(id)).map(drop).unwrap(),
        }
        assert!(eventually(|| devices(&yard, &[id]).is_empty()), "{:?}", devices(&yard, &[id]));
        assert!(!directory.exists());
    }
    assert!(cut > 0, "no launch was cut off while it was built");
    let id = next();
    yard.launch(id, 11, &["sleep", "86400"]).unwrap();
    assert_eq!((yard.state(id), devices(&yard, &[id]).len()), (Some(CloudState::Running), 1));
}

/// The files that loop devices have.
fn attached() -> Vec<String> {
    let devices = fs::read_dir("/sys/block").unwrap().flatten();
    let files = devices.map(|device| device.path().join("loop/backing_file"));
    files.filter_map(|path| Some(fs::read_to_string(path).ok()?.trim_end().to_owned())).collect()
}

#[test]
fn disks_that_promise_more_than_there_is_are_said() {
    let yard = Yard::with_disks("promise", Isolation::Namespaces, Some(128 << 30));
    let state = yard.directory.join("state");
    assert_eq!(overcommitted(&state), None);
    yard.launch(ids()(), 1, &["sleep", "86400"]).unwrap();
    let said = overcommitted(&state).unwrap();
    assert!(said.contains("the 1 servers here may write 13"), "{said}");
}
