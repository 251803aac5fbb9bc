//! Container archives: which layers an image is made of, in which order, and what it says of
//! itself.
//!
//! Two forms are known, and both may be in one file: what `docker save` writes (`manifest.json`)
//! and the OCI image layout (`index.json`). Every document and layer that is named by a digest has
//! to have it, and every layer the digest that the image's configuration says of it unpacked.
//! Nothing is placed before all of them were looked at.

use super::archive::{ArchiveEntryKind, ArchiveReader, shown};
use super::failure::{ImageFailure, ImportResult, refuse};
use super::stream::{Budget, FileSection, PlainArchive};
use crate::base::hash::{hex, sha256};
use crate::base::limit::{
    IMAGE_DOCUMENT_BYTES_MAX, IMAGE_LAYERS_MAX, IMAGE_MEMBERS_MAX, IMAGE_WORDS_MAX,
};
use crate::model::ImageDefaults;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;

/// Names followed from one file of an archive to another: `docker save` once wrote layers so.
const LINKS_MAX: usize = 8;

/// A container image in an archive.
#[derive(Debug)]
pub struct ContainerImage {
    /// From the lowest to the highest.
    pub layers: Vec<ContainerLayer>,
    /// What is run in it, and how.
    pub defaults: ImageDefaults,
    /// What it runs on, in Docker's words: `amd64`.
    pub architecture: String,
    /// What it was called: `nginx:1.27`.
    pub tag: Option<String>,
}

/// One layer, as it lies in the archive.
#[derive(Debug)]
pub struct ContainerLayer {
    /// Its name in the archive.
    pub name: String,
    /// Offset and length.
    pub section: (u64, u64),
    /// The digest of its bytes, where its name is one.
    packed: Option<String>,
    /// The digest of the same unpacked.
    plain: String,
}

/// The files of an archive that a container image may be made of, by name.
pub struct Members<'a> {
    file: &'a File,
    found: BTreeMap<String, Member>,
}

enum Member {
    File(u64, u64),
    Link(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerManifest {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OciIndex {
    manifests: Vec<OciDescriptor>,
}

#[derive(Deserialize, Clone)]
#[serde(rename_all = "camelCase")]
struct OciDescriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    #[serde(default)]
    platform: Option<OciPlatform>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize, Clone)]
struct OciPlatform {
    architecture: String,
    os: String,
}

#[derive(Deserialize)]
struct OciManifest {
    config: OciDescriptor,
    layers: Vec<OciDescriptor>,
}

#[derive(Deserialize)]
struct ImageConfiguration {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
    #[serde(default)]
    config: Option<RunConfiguration>,
    rootfs: RootConfiguration,
}

#[derive(Deserialize)]
struct RootConfiguration {
    diff_ids: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct RunConfiguration {
    user: Option<String>,
    env: Option<Vec<String>>,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    working_dir: Option<String>,
    exposed_ports: Option<BTreeMap<String, serde_json::Value>>,
}

/// The container image in an archive; `None` where it holds none, and so is a root file system.
pub fn find(file: &File, bytes: u64, budget: &Budget) -> ImportResult<Option<ContainerImage>> {
    let members = Members::read(file, bytes, budget)?;
    if members.has("manifest.json") {
        return members.docker().map(Some);
    }
    if members.has("oci-layout") && members.has("index.json") {
        return members.oci().map(Some);
    }
    Ok(None)
}

impl<'a> Members<'a> {
    fn read(file: &'a File, bytes: u64, budget: &Budget) -> ImportResult<Members<'a>> {
        let mut archive = ArchiveReader::new(PlainArchive::open(file, (0, bytes), budget, "it")?);
        let mut found = BTreeMap::new();
        while let Some(entry) = archive.entry()? {
            let Some(name) = member_name(&entry.path) else { continue };
            let member = match entry.kind {
                ArchiveEntryKind::File(length) => Member::File(archive.offset(), length),
                ArchiveEntryKind::SymbolicLink(to) | ArchiveEntryKind::HardLink(to) => {
                    Member::Link(String::from_utf8_lossy(&to).into_owned())
                }
                _ => continue,
            };
            found.insert(name, member);
            if found.len() > IMAGE_MEMBERS_MAX {
                return refuse(format!(
                    "it has more than {IMAGE_MEMBERS_MAX} documents and layers"
                ));
            }
        }
        Ok(Members { file, found })
    }

    fn has(&self, name: &str) -> bool {
        self.found.contains_key(name)
    }

    /// Where a file's bytes lie, through the links that lead to it.
    fn section(&self, name: &str) -> ImportResult<(u64, u64)> {
        let mut at = name.to_owned();
        for _ in 0..LINKS_MAX {
            match self.found.get(&at) {
                Some(Member::File(offset, bytes)) => return Ok((*offset, *bytes)),
                Some(Member::Link(to)) => at = beside(&at, to),
                None => break,
            }
        }
        refuse(format!("{}: it is named, and not in the archive", shown(name.as_bytes())))
    }

    /// A document, with the digest it has to have.
    fn document<T: DeserializeOwned>(&self, name: &str, digest: Option<&str>) -> ImportResult<T> {
        let name_shown = shown(name.as_bytes());
        let (at, bytes) = self.section(name)?;
        if bytes > IMAGE_DOCUMENT_BYTES_MAX {
            return refuse(format!("{name_shown}: a document of {bytes} bytes"));
        }
        let mut text = Vec::new();
        FileSection::new(self.file, at, bytes).read_to_end(&mut text)?;
        if digest.is_some_and(|digest| digest != hex(&sha256(&text))) {
            return refuse(format!("{name_shown}: its content is not what its digest says"));
        }
        serde_json::from_slice(&text)
            .or_else(|error| refuse(format!("{name_shown}: it cannot be read: {error}")))
    }

    /// A blob that an OCI document names by its digest.
    fn blob(descriptor: &OciDescriptor) -> ImportResult<(String, String)> {
        match descriptor.digest.strip_prefix("sha256:") {
            Some(digest) if is_digest(digest) => {
                Ok((format!("blobs/sha256/{digest}"), digest.to_owned()))
            }
            _ => {
                let digest = shown(descriptor.digest.as_bytes());
                refuse(format!("{digest}: only digests of sha256 are read"))
            }
        }
    }

    fn docker(&self) -> ImportResult<ContainerImage> {
        let mut all: Vec<DockerManifest> = self.document("manifest.json", None)?;
        let manifest = match (all.pop(), all.len()) {
            (Some(one), 0) => one,
            (None, _) => return refuse("manifest.json: it names no image"),
            (Some(_), more) => {
                return refuse(format!("manifest.json: it has {} images: save one", more + 1));
            }
        };
        let config = self.document(&manifest.config, digest_in(&manifest.config).as_deref())?;
        let layers = manifest.layers.iter().map(|name| (name.clone(), digest_in(name)));
        let layers: Vec<_> = layers.collect();
        let tag = manifest.repo_tags.unwrap_or_default().into_iter().next();
        self.image(config, &layers, tag)
    }

    fn oci(&self) -> ImportResult<ContainerImage> {
        let mut index: OciIndex = self.document("index.json", None)?;
        let mut tag = None;
        for _ in 0..LINKS_MAX {
            let one = choose(index.manifests)?;
            let reference = one.annotations.get("org.opencontainers.image.ref.name");
            tag = tag.or_else(|| reference.cloned());
            let (name, digest) = Members::blob(&one)?;
            if one.media_type.contains("index") || one.media_type.contains("manifest.list") {
                index = self.document(&name, Some(&digest))?;
                continue;
            }
            let manifest: OciManifest = self.document(&name, Some(&digest))?;
            let (name, digest) = Members::blob(&manifest.config)?;
            let config = self.document(&name, Some(&digest))?;
            let named = |layer| Members::blob(layer).map(|(name, digest)| (name, Some(digest)));
            let layers = manifest.layers.iter().map(named).collect::<ImportResult<Vec<_>>>()?;
            return self.image(config, &layers, tag);
        }
        refuse("index.json: indexes within indexes")
    }

    fn image(
        &self,
        config: ImageConfiguration,
        layers: &[(String, Option<String>)],
        tag: Option<String>,
    ) -> ImportResult<ContainerImage> {
        if !matches!(config.os.as_str(), "" | "linux") {
            return refuse(format!("it is for {}, not for Linux", shown(config.os.as_bytes())));
        }
        let plain = config.rootfs.diff_ids;
        let (said, there) = (plain.len(), layers.len());
        if said != there || there > IMAGE_LAYERS_MAX {
            let most = IMAGE_LAYERS_MAX;
            return refuse(format!(
                "it has {there} layers of at most {most}, and its configuration says {said}"
            ));
        }
        let layer = |((name, packed), plain): (&(String, Option<String>), &String)| {
            let wrong = || ImageFailure::Refused("its configuration has a wrong digest".to_owned());
            let plain = plain.strip_prefix("sha256:").filter(|digest| is_digest(digest));
            Ok(ContainerLayer {
                name: shown(name.as_bytes()),
                section: self.section(name)?,
                packed: packed.clone(),
                plain: plain.ok_or_else(wrong)?.to_owned(),
            })
        };
        let layers = layers.iter().zip(&plain).map(layer).collect::<ImportResult<Vec<_>>>()?;
        let defaults = defaults(config.config.unwrap_or_default())?;
        Ok(ContainerImage { layers, defaults, architecture: config.architecture, tag })
    }
}

impl ContainerLayer {
    /// Reads a layer through, with what it hides of the layers below it; refuses one whose digests
    /// are others.
    pub fn whiteouts(&self, file: &File, budget: &Budget) -> ImportResult<Vec<Vec<u8>>> {
        let mut archive = ArchiveReader::new(self.open(file, budget)?);
        let mut whiteouts = Vec::new();
        while let Some(entry) = archive.entry().map_err(|why| self.within(why))? {
            if is_whiteout(&entry.path) {
                whiteouts.push(entry.path);
            }
        }
        let mut rest = archive.into_inner();
        std::io::copy(&mut rest, &mut std::io::sink())?;
        let digest = rest.digest();
        let plain = rest.into_inner();
        if self.packed.as_ref().is_some_and(|packed| *packed != plain.packed_digest())
            || self.plain != digest
        {
            return refuse(format!("{}: its content is not what its digest says", self.name));
        }
        Ok(whiteouts)
    }

    /// The layer as an archive.
    pub fn open<'a>(
        &self,
        file: &'a File,
        budget: &'a Budget,
    ) -> ImportResult<super::stream::Summed<PlainArchive<'a>>> {
        PlainArchive::open(file, self.section, budget, &self.name).map(super::stream::Summed::new)
    }

    /// A refusal with the layer it is about.
    pub fn within(&self, failure: ImageFailure) -> ImageFailure {
        match failure {
            ImageFailure::Refused(why) => ImageFailure::Refused(format!("{}: {why}", self.name)),
            failed => failed,
        }
    }
}

/// Whether an entry of a layer only hides what is below it, or is another note of a layered file
/// system's to itself.
pub fn is_whiteout(path: &[u8]) -> bool {
    let last = path.split(|byte| *byte == b'/').next_back().unwrap_or_default();
    last.starts_with(super::tree::WHITEOUT)
}

/// The image of this machine's kind.
fn choose(manifests: Vec<OciDescriptor>) -> ImportResult<OciDescriptor> {
    let ours = docker_architecture();
    let described: Vec<String> = manifests
        .iter()
        .filter_map(|one| one.platform.as_ref())
        .map(|on| format!("{}/{}", on.os, on.architecture))
        .collect();
    let fits = |one: &OciDescriptor| {
        one.platform.as_ref().is_none_or(|on| on.os == "linux" && on.architecture == ours)
            && !one.annotations.contains_key("vnd.docker.reference.type")
    };
    let mut fitting = manifests.into_iter().filter(fits);
    match (fitting.next(), fitting.count()) {
        (Some(one), 0) => Ok(one),
        (Some(_), more) => refuse(format!("index.json: it has {} images: save one", more + 1)),
        (None, _) if described.is_empty() => refuse("index.json: it names no image"),
        (None, _) => {
            let there = shown(described.join(", ").as_bytes());
            refuse(format!("index.json: it has {there}, and this machine is linux/{ours}"))
        }
    }
}

/// What Docker calls the processor of this machine.
pub fn docker_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    }
}

fn defaults(said: RunConfiguration) -> ImportResult<ImageDefaults> {
    let command: Vec<String> = said
        .entrypoint
        .unwrap_or_default()
        .into_iter()
        .chain(said.cmd.unwrap_or_default())
        .collect();
    let mut environment = BTreeMap::new();
    for pair in said.env.unwrap_or_default() {
        let (name, value) = pair.split_once('=').unwrap_or((&pair, ""));
        environment.insert(name.to_owned(), value.to_owned());
    }
    let ports: Vec<String> = said.exposed_ports.unwrap_or_default().into_keys().collect();
    let most = command.len().max(environment.len()).max(ports.len());
    let zero = command.iter().chain(environment.values()).any(|word| word.contains('\0'));
    if most > IMAGE_WORDS_MAX || zero {
        return refuse("its configuration has more words than anything can be started with");
    }
    let some = |text: Option<String>| text.filter(|text| !text.is_empty());
    Ok(ImageDefaults {
        command,
        user: some(said.user),
        environment,
        directory: some(said.working_dir).filter(|at| at != "/"),
        ports,
    })
}

/// The name of a file that may be part of a container image: what lies deeper is not.
fn member_name(path: &[u8]) -> Option<String> {
    let path = std::str::from_utf8(path).ok()?.trim_start_matches("./");
    let wanted = path.ends_with(".json")
        || path.ends_with("/layer.tar")
        || path.ends_with(".tar")
        || path == "oci-layout"
        || path.starts_with("blobs/");
    let name = lexical(path);
    (wanted && name.matches('/').count() <= 2).then_some(name)
}

/// Where a link beside a file leads, by name alone: nothing is opened by it.
fn beside(name: &str, to: &str) -> String {
    match name.rsplit_once('/') {
        Some((above, _)) if !to.starts_with('/') => lexical(&format!("{above}/{to}")),
        _ => lexical(to),
    }
}

fn lexical(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The digest that is a file's name, if one is: `blobs/sha256/<digest>`, `<digest>.json`. What
/// older versions called layers is none of their content.
fn digest_in(name: &str) -> Option<String> {
    let last = name.rsplit('/').next().unwrap_or_default();
    let last = last.strip_suffix(".json").unwrap_or(last);
    is_digest(last).then(|| last.to_owned())
}

/// Whether a text is a SHA-256 digest as we write them.
pub fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
