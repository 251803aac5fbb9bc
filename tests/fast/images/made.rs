//! Archives as people have them, small.

use grange::base::hash::{hex, sha256};
use serde_json::json;

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o755);
        builder.append_data(&mut header, name, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// A root file system of a system of this name.
pub fn rootfs(id: &str) -> Vec<u8> {
    let release = format!("ID={id}\nVERSION_ID=12\n");
    archive(&[("etc/os-release", release.as_bytes()), ("bin/sh", b"#!")])
}

/// A container image with all that one says.
pub fn container() -> Vec<u8> {
    let layer = archive(&[("bin/serve", b"#!")]);
    let config = json!({
        "os": "linux",
        "config": {
            "Entrypoint": ["/bin/serve"], "Cmd": ["{{ports.http}}"], "User": "101:101",
            "Env": ["PATH=/bin", "MODE=prod"], "WorkingDir": "/srv",
            "ExposedPorts": {"80/tcp": {}},
        },
        "rootfs": {"diff_ids": [format!("sha256:{}", hex(&sha256(&layer)))]},
    });
    let config = config.to_string();
    let manifest = json!([{"Config": "config.json", "Layers": ["a/layer.tar"]}]).to_string();
    archive(&[
        ("a/layer.tar", &layer),
        ("config.json", config.as_bytes()),
        ("manifest.json", manifest.as_bytes()),
    ])
}
