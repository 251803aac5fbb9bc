//! Container archives: what `docker save` writes, old and new, and OCI layouts.

use super::made::{Pack, digest, gzip};
use super::{World, is_refused, is_tree, told};
use serde_json::{Value, json};
use tar::EntryType;

/// A layer with what it is called where it lies.
struct Layer {
    plain: Vec<u8>,
    lies: Vec<u8>,
}

fn layer(pack: Pack) -> Layer {
    let plain = pack.end();
    Layer { lies: plain.clone(), plain }
}

fn packed(pack: Pack) -> Layer {
    let plain = pack.end();
    Layer { lies: gzip(&plain), plain }
}

fn configuration(layers: &[Layer]) -> Value {
    let ids: Vec<String> = layers.iter().map(|layer| digest(&layer.plain)).collect();
    json!({
        "architecture": super::super::container::docker_architecture(),
        "os": "linux",
        "config": {
            "Entrypoint": ["/bin/serve"], "Cmd": ["--port", "80"], "User": "app",
            "Env": ["PATH=/bin", "MODE=prod=1"], "WorkingDir": "/srv",
            "ExposedPorts": {"80/tcp": {}},
        },
        "rootfs": {"type": "layers", "diff_ids": ids},
    })
}

fn text(value: &Value) -> String {
    value.to_string()
}

/// As `docker save` wrote it for ten years.
fn docker(config: &Value, layers: &[Layer]) -> Pack {
    let config = text(config);
    let name = format!("{}.json", &digest(config.as_bytes())[7..]);
    let names: Vec<String> = (0..layers.len()).map(|at| format!("layer{at}/layer.tar")).collect();
    let manifest =
        json!([{"Config": name, "RepoTags": ["shop/api:2"], "Layers": names}]).to_string();
    let mut pack = Pack::default();
    for (name, layer) in names.iter().zip(layers) {
        pack = pack.entry(EntryType::Regular, name, "", &layer.lies);
    }
    pack.file(&name, &config).file("manifest.json", &manifest)
}

/// An OCI layout, whose index is made by `index` of the manifest's descriptor.
fn oci(config: &Value, layers: &[Layer], index: impl Fn(Value) -> Value) -> Pack {
    let mut pack = Pack::default().file("oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
    let mut blob = |bytes: &[u8], kind: &str| {
        let digest = digest(bytes);
        let name = format!("blobs/sha256/{}", &digest[7..]);
        pack = pack.clone().entry(EntryType::Regular, &name, "", bytes);
        json!({"mediaType": format!("application/vnd.oci.image.{kind}"), "digest": digest,
               "size": bytes.len()})
    };
    let config = blob(text(config).as_bytes(), "config.v1+json");
    let layers: Vec<Value> =
        layers.iter().map(|layer| blob(&layer.lies, "layer.v1.tar+gzip")).collect();
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": layers}).to_string();
    let manifest = blob(manifest.as_bytes(), "manifest.v1+json");
    let index = text(&index(manifest));
    pack.file("index.json", &index)
}

fn two_layers() -> Vec<Layer> {
    let lower = Pack::root().directory("var").file("var/a", "1").file("var/b", "2");
    let lower = lower.directory("opt").file("opt/x", "1").file("opt/y", "2").link("lib", "opt");
    let upper = Pack::default().file("var/.wh.a", "").file("opt/.wh..wh..opq", "");
    let upper = upper.file("opt/z", "3").file(".wh..wh.plnk", "").hard_link("name", "etc/name");
    vec![layer(lower), packed(upper)]
}

const TWO: [&str; 9] = [
    "etc/",
    "etc/name = grange",
    "lib -> opt",
    "name = grange",
    "opt/",
    "opt/z = 3",
    "var/",
    "var/b = 2",
    "",
];

#[test]
fn layers_lie_on_each_other() {
    let expected = &TWO[..8];
    let layers = two_layers();
    let config = configuration(&layers);
    is_tree("docker save", &docker(&config, &layers).end(), expected);
    is_tree("docker save, packed", &gzip(&docker(&config, &layers).end()), expected);
    let index = |manifest: Value| json!({"schemaVersion": 2, "manifests": [manifest]});
    is_tree("an OCI layout", &oci(&config, &layers, index).end(), expected);
    let mut layers = two_layers();
    // A layer may hide what it then brings itself, in whichever order: only what is below goes.
    layers.push(layer(Pack::default().file("opt/v", "4").file("opt/.wh.v", "")));
    layers
        .push(layer(Pack::default().file("lib/.wh.z", "").file("lib/w", "5").file(".wh.gone", "")));
    let config = configuration(&layers);
    let expected = [
        "etc/",
        "etc/name = grange",
        "lib -> opt",
        "name = grange",
        "opt/",
        "opt/v = 4",
        "opt/w = 5",
        "var/",
        "var/b = 2",
    ];
    is_tree("hidden through a link", &docker(&config, &layers).end(), &expected);
    let layers =
        vec![layer(Pack::root().file(".wh.x", "")), layer(Pack::default().file(".wh.etc", ""))];
    is_tree("all hidden", &docker(&configuration(&layers), &layers).end(), &[]);
    let plain = Pack::root().file("etc/.wh.x", "").end();
    let as_it_is = ["etc/", "etc/.wh.x = ", "etc/name = grange"];
    is_tree("where nothing is layered, a name is a name", &plain, &as_it_is);
}

#[test]
fn what_the_image_says_of_its_program_is_taken_over() {
    let world = World::new();
    let layers = two_layers();
    let imported = world.import(&docker(&configuration(&layers), &layers).end()).unwrap();
    let defaults = &imported.defaults;
    assert_eq!(defaults.command, ["/bin/serve", "--port", "80"]);
    assert_eq!(defaults.user.as_deref(), Some("app"));
    assert_eq!(defaults.environment["MODE"], "prod=1");
    assert_eq!(defaults.directory.as_deref(), Some("/srv"));
    assert_eq!(defaults.ports, ["80/tcp"]);
    assert_eq!(imported.tag.as_deref(), Some("shop/api:2"));
    assert_eq!(told(&world.shelf.tree(&imported.digest)), &TWO[..8]);
}

#[test]
fn a_layer_may_be_a_link_to_that_of_another_image() {
    let layers = [layer(Pack::root())];
    let config = text(&configuration(&layers));
    let name = format!("{}.json", &digest(config.as_bytes())[7..]);
    let manifest = json!([{"Config": name, "Layers": ["b/layer.tar"]}]).to_string();
    let pack = Pack::default().entry(EntryType::Regular, "a/layer.tar", "", &layers[0].lies);
    let pack = pack.link("b/layer.tar", "../a/layer.tar").file(&name, &config);
    let linked = pack.clone().file("manifest.json", &manifest).end();
    is_tree("an old one", &linked, &["etc/", "etc/name = grange"]);
    let out = manifest.replace("b/layer.tar", "../../../../outside/secret");
    is_refused("a layer outside", &pack.file("manifest.json", &out).end(), "not in the archive");
    let circle = Pack::default().link("b/layer.tar", "layer.tar").file(&name, &config);
    let circle = circle.file("manifest.json", &manifest).end();
    is_refused("a circle", &circle, "b/layer.tar: it is named, and not in the archive");
}

#[test]
fn what_is_not_what_its_digest_says_is_refused() {
    let layers = two_layers();
    let config = configuration(&layers);
    let wrong = "its content is not what its digest says";
    let other = [layer(Pack::root().file("evil", "x")), packed(Pack::default())];
    is_refused("other layers", &docker(&config, &other).end(), wrong);
    let index = |manifest: Value| json!({"manifests": [manifest]});
    let mut bytes = oci(&config, &layers, index).end();
    let at = bytes.windows(6).position(|six| six == b"grange").unwrap();
    bytes[at] = b'G';
    is_refused("a layer that rotted", &bytes, wrong);
    let mut bytes = oci(&config, &layers, index).end();
    let at = bytes.windows(9).position(|nine| nine == b"/bin/serv").unwrap();
    bytes[at + 1] = b'B';
    is_refused("a configuration that was changed", &bytes, wrong);
    let swapped = [two_layers().remove(1), two_layers().remove(0)];
    is_refused("the other way around", &docker(&config, &swapped).end(), wrong);
    let sha512 = |_| json!({"manifests": [{"digest": "sha512:00"}]});
    is_refused("another digest", &oci(&config, &layers, sha512).end(), "only digests of sha256");
}

#[test]
fn what_is_no_image_for_this_machine_is_refused() {
    let layers = two_layers();
    let check = |what: &str, change: &dyn Fn(&mut Value), words: &str| {
        let mut config = configuration(&layers);
        change(&mut config);
        is_refused(what, &docker(&config, &layers).end(), words);
    };
    check("s390x", &|c| c["architecture"] = json!("s390x"), "it is for s390x, and this machine is");
    check("windows", &|c| c["os"] = json!("windows"), "it is for windows, not for Linux");
    check("fewer", &|c| drop(c["rootfs"]["diff_ids"].as_array_mut().unwrap().pop()), "2 layers");
    check("none", &|c| c["rootfs"]["diff_ids"][0] = json!("x"), "has a wrong digest");
    check("shape", &|c| c["config"]["Env"] = json!(7), "it cannot be read");
    check("a zero", &|c| c["config"]["Cmd"] = json!(["\0"]), "more words than anything");
    let two = Pack::default()
        .file("manifest.json", r#"[{"Config":"a","Layers":[]},{"Config":"b","Layers":[]}]"#);
    is_refused("two images", &two.end(), "it has 2 images: save one");
    is_refused("no image", &Pack::default().file("manifest.json", "[]").end(), "names no image");
    let config = configuration(&layers);
    let with = |platform: &'static str, twice: bool| {
        oci(&config, &layers, move |mut manifest: Value| {
            manifest["platform"] = json!({"os": "linux", "architecture": platform});
            let all = if twice { vec![manifest.clone(), manifest] } else { vec![manifest] };
            json!({"manifests": all})
        })
    };
    is_refused(
        "for another",
        &with("riscv64", false).end(),
        "it has linux/riscv64, and this machine",
    );
    let ours = super::super::container::docker_architecture();
    is_refused("twice", &with(ours, true).end(), "it has 2 images: save one");
    let hidden = [layer(Pack::root()), layer(Pack::default().file("etc/.wh...", ""))];
    let hidden = docker(&configuration(&hidden), &hidden).end();
    is_refused("what leads upwards hidden", &hidden, "it hides nothing");
    let layered = [layer(Pack::root()), layer(Pack::default().file("../x", "y"))];
    let layered = docker(&configuration(&layered), &layered).end();
    is_refused("in a layer", &layered, "layer1/layer.tar: ../x: its name leads upwards");
}
