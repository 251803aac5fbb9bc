//! An image of a person's own, made by hand as `docker save` writes it, in a farm: its program runs
//! as its user over its root file system, and nothing of the machine is seen from there.

use super::rig::Rig;
use super::wait::until;
use grange::base::hash::{hex, sha256};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

const BUSYBOX: &str = "/usr/bin/busybox";

const ROLE: &str = "role: shop-web
images: [{cloudPlatform: onboard, image: shop-web-1}]
services:
  - {name: web, environment: {GREETING: hello}}
ports: {http: 8080}
check: {port: http, path: /index.html}
";

const FARM: &str = "farm: shop
farmRoles:
  - {alias: web, role: shop-web, cloudPlatform: onboard, cloudLocation: here, instanceType: small,
     scaling: {minInstances: 1, maxInstances: 2},
     storage: [{type: PersistentStorageConfiguration, mountPoint: /data, size: 1GiB}]}
";

fn put(builder: &mut tar::Builder<Vec<u8>>, name: &str, mode: u32, content: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(mode);
    builder.append_data(&mut header, name, content).unwrap();
}

fn link(builder: &mut tar::Builder<Vec<u8>>, name: &str, to: &str) {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder.append_link(&mut header, name, to).unwrap();
}

/// A container archive of two layers: a small system, and a site that hides a file of it. What
/// servers mount things at is a link out of it, and so is the data volume's place.
fn container() -> Vec<u8> {
    let busybox = fs::read(BUSYBOX).expect("busybox-static is installed by tests/run");
    let mut lower = tar::Builder::new(Vec::new());
    put(&mut lower, "bin/busybox", 0o755, &busybox);
    link(&mut lower, "bin/sh", "busybox");
    put(
        &mut lower,
        "etc/passwd",
        0o644,
        b"root:x:0:0::/root:/bin/sh\napp:x:700:700::/srv:/bin/sh\n",
    );
    put(&mut lower, "etc/group", 0o644, b"app:x:700:\n");
    put(&mut lower, "etc/os-release", 0o644, b"ID=tiny\nVERSION_ID=1\n");
    put(&mut lower, "srv/old", 0o644, b"old");
    link(&mut lower, "run", "/etc");
    link(&mut lower, "data", "/run/.machine/root");
    let mut upper = tar::Builder::new(Vec::new());
    put(&mut upper, "srv/.wh.old", 0o644, b"");
    put(&mut upper, "srv/index.html", 0o644, b"from the image");
    let layers = [lower, upper].map(|layer| layer.into_inner().unwrap());
    let ids = layers.each_ref().map(|layer| format!("sha256:{}", hex(&sha256(layer))));
    let config = json!({
        "os": "linux",
        "config": {
            "Entrypoint": ["/bin/sh", "-c"],
            "Cmd": ["busybox env > /dev/shm/env; exec /bin/busybox httpd -f -p 8080 -h /srv"],
            "User": "app", "WorkingDir": "/srv", "Env": ["PATH=/bin", "GREETING=image"],
        },
        "rootfs": {"diff_ids": ids},
    });
    let manifest = json!([{"Config": "config.json", "Layers": ["0/layer.tar", "1/layer.tar"]}]);
    let mut archive = tar::Builder::new(Vec::new());
    put(&mut archive, "0/layer.tar", 0o644, &layers[0]);
    put(&mut archive, "1/layer.tar", 0o644, &layers[1]);
    put(&mut archive, "config.json", 0o644, config.to_string().as_bytes());
    put(&mut archive, "manifest.json", 0o644, manifest.to_string().as_bytes());
    archive.into_inner().unwrap()
}

fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = std::env::temp_dir().join(format!("grange-{}-{name}", std::process::id()));
    fs::write(&path, content).unwrap();
    path
}

/// How a command ended, and what it printed.
fn run(rig: &Rig, words: &[&str], path: Option<&Path>) -> (bool, String) {
    let output = rig.command(words).args(path).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// What a command prints on the server.
fn printed(rig: &Rig, script: &str) -> String {
    run(rig, &["server", "run", "web-1", "--", "/bin/busybox", "sh", "-c", script], None).1
}

fn import(rig: &Rig) -> (bool, String) {
    let archive = file("image.tar", &container());
    let done = run(rig, &["image", "import", "--name", "shop-web-1"], Some(&archive));
    fs::remove_file(&archive).unwrap();
    done
}

fn apply_role(rig: &Rig) -> (bool, String) {
    let role = file("image-role.yaml", ROLE.as_bytes());
    let done = run(rig, &["role", "apply", "-f"], Some(&role));
    fs::remove_file(&role).unwrap();
    done
}

#[test]
fn an_image_of_ones_own_serves_in_a_farm() {
    let mut rig = Rig::new("images");
    rig.start();
    let (refused, said) = apply_role(&rig);
    assert!(!refused && said.contains("no image shop-web-1: import one"), "{said}");
    let (made, said) = import(&rig);
    assert!(made && said.contains("image shop-web-1: ") && said.contains(", tiny-1"), "{said}");
    let (applied, said) = apply_role(&rig);
    assert!(applied, "{said}");
    rig.apply(FARM);
    rig.settled("web", 1, 60);
    rig.learn();
    // The check has its page: the image's program runs. As whom, with what, over what:
    let process = "p=$(busybox grep -l '^/bin/busybox.httpd' /proc/[0-9]*/cmdline); p=${p%/*}; \
                   busybox grep ^Uid: $p/status; busybox cat /dev/shm/env";
    let found = printed(&rig, process);
    assert!(found.starts_with("Uid:\t700\t700"), "{found}");
    assert!(found.contains("GREETING=hello") && found.contains("PATH=/bin"), "{found}");
    assert_eq!(printed(&rig, "busybox ls /srv"), "index.html\n");
    // All of the root is the image's, or made for it; the machine's is not behind anything in it.
    assert_eq!(
        printed(&rig, "busybox ls -A / /run").split_whitespace().collect::<Vec<_>>().join(" "),
        "/: bin data dev etc proc run srv sys tmp var /run: grange"
    );
    // The mount point is in the server, wherever the image's link wanted it.
    assert_eq!(printed(&rig, "echo kept > /data/x; busybox cat /data/x"), "kept\n");
    let server = rig.of_role("web").remove(0);
    assert_eq!(fs::read_to_string(rig.volume(&server).join("x")).unwrap(), "kept\n");
    let shown = run(&rig, &["image", "show", "shop-web-1"], None).1;
    assert!(shown.contains("shop/web") && shown.contains("role shop-web"), "{shown}");
    let (deleted, said) = run(&rig, &["image", "delete", "--yes", "shop-web-1"], None);
    assert!(!deleted && said.contains("is used by role shop-web, shop/web"), "{said}");

    // Another appliance finds it as it was, and the server goes on.
    rig.kill();
    rig.start();
    rig.settled("web", 1, 60);
    // Whoever changes the image's files keeps servers from starting, with that reason.
    let trees = rig.onboard().join("images");
    let tree = fs::read_dir(&trees).unwrap().next().unwrap().unwrap().path().join("tree");
    fs::write(tree.join("srv/index.html"), "from somebody").unwrap();
    rig.crash(&rig.of_role("web")[0].id);
    until("the journal to say why no server starts", 60, || {
        let said = run(&rig, &["events"], None).1;
        let told = said.contains("/srv/index.html is not as it was imported");
        if told { Ok(()) } else { Err(said) }
    });
}
