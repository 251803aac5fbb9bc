//! The same as an ordinary user, without any rights: process groups on loopback addresses.

use super::rig::Rig;
use super::wait::until;

const SHOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/examples/shop.yaml");

#[test]
fn an_ordinary_user_has_a_shop_too() {
    let mut rig = Rig::ordinary("ordinary");
    let manifest = rig.directory.join("shop.yaml");
    std::fs::copy(SHOP, &manifest).unwrap();
    rig.start();
    let applied = rig.grange(&["apply", "-f", &manifest.display().to_string(), "--yes"]);
    assert!(applied.status.success(), "{applied:?}");
    rig.settled("web", 2, 60);
    rig.settled("lb", 1, 60);
    rig.answers("web", 30);
    rig.learn();
    assert!(rig.traces().iter().filter(|trace| trace.starts_with("process")).count() > 6);

    let listed = rig.grange(&["server", "list"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    for name in ["web-1", "web-2", "lb-1"] {
        assert!(listed.contains(name), "{listed}");
    }
    let victim = rig.of_role("web").remove(0);
    assert!(victim.private_ip[0].starts_with("127."), "{:?}", victim.private_ip);
    rig.crash(&victim.id);
    until("a replacement", 30, || {
        let web = rig.of_role("web");
        if web.iter().all(|server| server.id != victim.id) { Ok(()) } else { Err(()) }
    });
    rig.settled("web", 2, 30);
    rig.answers_as(&victim.hostname, 15);
}
