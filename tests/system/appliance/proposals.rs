//! A signed proposal is applied once: also after the appliance was killed and started again.

use super::manifests::Rolled;
use super::refusals::check;
use super::rig::Rig;
use std::fs;

#[test]
fn a_proposal_that_was_applied_is_refused_after_a_restart() {
    let mut rig = Rig::new("replay");
    rig.start();
    let manifest = Rolled { size: "nano", path: "/healthz", rollout: "{strategy: serial}" };
    let (file, change) = (rig.directory.join("shop.yaml"), rig.directory.join("change.grange"));
    fs::write(&file, manifest.manifest()).unwrap();
    let (file, change) = (file.display().to_string(), change.display().to_string());
    let made = rig.grange(&["plan", "-f", &file, "--no-launch", "-o", &change]);
    assert!(made.status.success(), "{made:?}");
    let applied = rig.grange(&["apply", &change, "--yes"]);
    assert!(applied.status.success(), "{applied:?}");
    let farm = &rig.client.farms().unwrap()[0];
    rig.client.farm_remove(farm.id, None).unwrap();

    // The world is again as it was when the proposal was made; only its being used is not.
    let replayed = |rig: &Rig| {
        check(&rig.grange(&["apply", &change, "--yes"]), 5, &["was applied already, by admin"]);
        check(&rig.grange(&["plan", &change]), 5, &["was applied already, by admin"]);
        assert_eq!(rig.client.farms().unwrap(), []);
    };
    replayed(&rig);
    rig.kill();
    rig.start();
    replayed(&rig);
    rig.stop();
    rig.start();
    replayed(&rig);
}
