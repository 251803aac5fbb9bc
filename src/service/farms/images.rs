//! Images: what servers are started from, and the import of those that `onboard` keeps itself.
//!
//! An image is never changed: other content has another name, and a role's revision says which one
//! its servers are made of. So it stays while a role's current revision names it, or anything that
//! runs or could be gone back to. Its tree is shared by all images of the same content and goes
//! with the last of them.

use crate::base::limit::{IMAGE_BYTES_MAX, IMAGE_SPARED_BYTES, IMAGES_MAX};
use crate::base::random::Stream;
use crate::base::text;
use crate::base::{Code, EnvironmentId, ImageId, Name, Problem, Result, RoleId};
use crate::clouds::onboard::{ImageFailure, ImageShelf, ImageTurn, ImportedImage, TreeBounds};
use crate::model::{
    Actor, Cause, Grant, HOST_IMAGE, Image, ImageDefaults, Permission, RoleImage, RoleRevision,
};
use crate::service::{Service, authorise, lookup, views};
use crate::store::{Author, Purpose, Reads, Tx};
use crate::wire::image::{ImageExtra, ImageFilter, ImageImport, ImageView, OsKey};
use crate::wire::input::{Page, Slice};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::Arc;

/// The platform whose images we keep.
const ONBOARD: &str = "onboard";
/// Where on it: there is one place.
const HERE: &str = "here";
/// Users named where somebody is told that an image is used.
const NAMED_MAX: usize = 10;

/// An archive that comes in.
pub struct ArrivingImage<'a> {
    /// How many bytes it has, where that is known.
    pub length: Option<u64>,
    /// The archive, from its beginning.
    pub bytes: &'a mut dyn Read,
}

/// Images that the actor's environment can use, by name.
pub fn list(
    service: &Service,
    actor: &Actor,
    filter: &ImageFilter,
    page: Page,
) -> Result<Slice<ImageView>> {
    let grant = authorise(actor, Permission::FarmsRead)?;
    service.read(&grant, |view| {
        let mut images = lookup::all_images(view)?;
        images.sort_by(|a, b| a.name.cmp(&b.name));
        let wanted = |image: &Image| {
            filter.name.as_ref().is_none_or(|name| name == image.name.as_str())
                && filter.cloud_platform.as_ref().is_none_or(|on| *on == image.platform)
        };
        let page = Slice::cut(images.into_iter().filter(wanted), page);
        let uses = uses(view)?;
        let items: Result<Vec<ImageView>> =
            page.items.into_iter().map(|image| shown(view, image, &uses)).collect();
        Ok(Slice { items: items?, total: page.total })
    })
}

/// Shows an image with who uses it.
pub fn get(service: &Service, actor: &Actor, id: ImageId) -> Result<ImageView> {
    let grant = authorise(actor, Permission::FarmsRead)?;
    service.read(&grant, |view| shown(view, found(view, id)?, &uses(view)?))
}

/// Takes in an archive and makes an image of it. It takes as long as the archive does to arrive,
/// and to be unpacked.
pub fn import(
    service: &Service,
    actor: &Actor,
    asked: &ImageImport,
    arriving: ArrivingImage<'_>,
) -> Result<ImageView> {
    let grant = authorise(actor, Permission::ImagesManage)?;
    let name = name_of(asked)?;
    let shelf = shelf(service)?;
    let env = grant.actor().env;
    service.read(&grant, |view| refuse_name(view, env, &name))?;
    let bounds = TreeBounds::default();
    let length = arriving.length.unwrap_or(0);
    if length > IMAGE_BYTES_MAX {
        let text = format!("the archive has {length} bytes: at most {IMAGE_BYTES_MAX}");
        return Err(Problem::new(Code::LimitExceeded, text));
    }
    let failed = |failure| problem(&name, failure);
    shelf.refuse_full(length, IMAGE_SPARED_BYTES).map_err(|full| failed(full.into()))?;
    let incoming = shelf.begin().map_err(|failure| failed(failure.into()))?;
    incoming.receive(arriving.bytes, bounds).map_err(failed)?;
    // Held until the record is there that keeps the tree.
    let turn = shelf.turn();
    let used = digests_in_use(service)?;
    let in_use = |digest: &str| used.contains(digest);
    let imported = turn.import(&incoming, bounds, &in_use).map_err(failed)?;
    let notes = notes(&imported);
    let image = Image {
        id: draw_id(service, &name),
        env,
        name: name.clone(),
        platform: ONBOARD.to_owned(),
        location: HERE.to_owned(),
        cloud_image_id: imported.digest,
        os: imported.os.unwrap_or_default(),
        architecture: std::env::consts::ARCH.to_owned(),
        bytes: imported.bytes,
        entries: imported.entries,
        defaults: imported.defaults,
        added_at: service.now(),
        added_by: actor.user,
    };
    let id = image.id;
    let written = service.write(
        Author::new(&grant, "image.import", Cause::Request, Purpose::Growth),
        move |tx| {
            refuse_name(tx, env, &image.name)?;
            let (megabytes, entries) = (image.bytes.div_ceil(1_000_000), image.entries);
            let text = format!("is imported: {megabytes} MB, {entries} entries");
            tx.text(about(&image), text);
            tx.put(&image)?;
            Ok(())
        },
    );
    let swept = sweep_with(service, &turn);
    written?;
    swept?;
    let mut answer =
        service.read(&grant, |view| shown(view, found(view, id)?, &Uses::default()))?;
    answer.grange.notes = notes;
    Ok(answer)
}

/// Deletes an image that nothing uses, and its tree with the last image of that content.
pub fn remove(service: &Service, actor: &Actor, id: ImageId, revision: Option<u64>) -> Result<()> {
    let grant = authorise(actor, Permission::ImagesManage)?;
    service.write(
        Author::new(&grant, "image.remove", Cause::Request, Purpose::Ending),
        move |tx| {
            let image = found(tx, id)?;
            tx.require_revision::<Image>(id, revision)?;
            refuse_used(tx, &image)?;
            tx.text(about(&image), "is deleted");
            tx.delete::<Image>(id)?;
            Ok(())
        },
    )?;
    // While somebody imports, who does sweeps.
    match service.images.as_ref().and_then(|shelf| shelf.try_turn()) {
        Some(turn) => sweep_with(service, &turn),
        None => Ok(()),
    }
}

/// Removes trees that no image is of, and says in the log where it cannot.
pub fn sweep_at_start(service: &Service) {
    if let Err(problem) = sweep(service) {
        tracing::warn!(%problem, "files of images that are gone stay");
    }
}

/// Removes trees that no image is of: what a crash left between a record and its tree.
pub fn sweep(service: &Service) -> Result<()> {
    match &service.images {
        Some(shelf) => sweep_with(service, &shelf.turn()),
        None => Ok(()),
    }
}

fn sweep_with(service: &Service, turn: &ImageTurn<'_>) -> Result<()> {
    let all = service.read(&Grant::job("images"), lookup::all_images)?;
    let kept: BTreeSet<String> = all.into_iter().map(|image| image.cloud_image_id).collect();
    turn.sweep(&kept).map_err(|failure| Problem::internal("removing an image's files", failure))
}

/// What a platform calls the image that a role has there.
pub(in crate::service) fn cloud_image_id(
    read: &impl Reads,
    env: EnvironmentId,
    image: &RoleImage,
) -> Result<String> {
    if !is_imported(image) {
        return Ok(image.cloud_image_id.clone());
    }
    let found = by_name(read, env, &image.cloud_image_id)?;
    let gone = || Problem::not_found("image", &image.cloud_image_id);
    Ok(found.ok_or_else(gone)?.cloud_image_id)
}

/// The image record that a role's image is of; `None` where the platform has it by itself.
pub(in crate::service) fn of_role(
    read: &impl Reads,
    env: EnvironmentId,
    image: &RoleImage,
) -> Result<Option<Image>> {
    if is_imported(image) { by_name(read, env, &image.cloud_image_id) } else { Ok(None) }
}

/// What the image of a role's revision says of the program in it; nothing where it is none of ours.
pub(in crate::service) fn defaults(
    read: &impl Reads,
    env: EnvironmentId,
    (role, number): (RoleId, u64),
) -> Result<ImageDefaults> {
    let revision = lookup::role_revision(read, role, number)?;
    let image = revision.as_ref().and_then(|revision| revision.image(ONBOARD));
    let found = image.map(|image| of_role(read, env, image)).transpose()?.flatten();
    Ok(found.map(|image| image.defaults).unwrap_or_default())
}

/// Whether a role's image is one that is imported: `onboard` has the machine's own system besides,
/// and copies of built-in roles keep the name of theirs.
pub(in crate::service) fn is_imported(image: &RoleImage) -> bool {
    let name = &image.cloud_image_id;
    image.platform == ONBOARD && name != HOST_IMAGE && !name.starts_with("builtin:")
}

/// What is wrong with a revision of a role on a platform, if its image was deleted: images stay
/// while they are used, and a revision that nobody uses keeps none.
pub(in crate::service) fn gone(
    read: &impl Reads,
    env: EnvironmentId,
    revision: &RoleRevision,
    platform: &str,
) -> Result<Option<String>> {
    let Some(image) = revision.image(platform).filter(|image| is_imported(image)) else {
        return Ok(None);
    };
    let name = &image.cloud_image_id;
    let found = by_name(read, env, name)?;
    Ok(found.is_none().then(|| format!("its image {name} is not there any more")))
}

/// What is wrong with the image that a role would have; `None` where nothing is.
pub(in crate::service) fn fault(
    service: &Service,
    read: &impl Reads,
    env: EnvironmentId,
    image: &RoleImage,
) -> Result<Option<String>> {
    if !is_imported(image) {
        return Ok(None);
    }
    let name = &image.cloud_image_id;
    if service.images.is_none() {
        return Ok(Some(format!("{}: use {HOST_IMAGE}, the machine's own system", NO_IMAGES)));
    }
    if by_name(read, env, name)?.is_some() {
        return Ok(None);
    }
    let mut known: Vec<String> =
        lookup::all_images(read)?.into_iter().map(|image| image.name.to_string()).collect();
    known.sort();
    known.truncate(NAMED_MAX);
    known.insert(0, format!("{HOST_IMAGE}, the machine's own system"));
    Ok(Some(format!(
        "no image {name}: import one with grange image import, or use {}",
        known.join(", ")
    )))
}

const NO_IMAGES: &str =
    "images need an appliance that runs as root: here servers are processes of the machine";

fn shelf(service: &Service) -> Result<Arc<ImageShelf>> {
    let shelf = service.images.clone();
    shelf.ok_or_else(|| Problem::new(Code::UnacceptableState, NO_IMAGES))
}

/// One name is imported at one moment once.
fn draw_id(service: &Service, name: &Name) -> ImageId {
    let purpose = format!("image {name} {}", service.now().0);
    ImageId::draw(&mut Stream::new(service.settings.seed, &purpose))
}

fn name_of(asked: &ImageImport) -> Result<Name> {
    let name = asked.name.as_deref();
    let name = name.ok_or_else(|| Problem::invalid("name", "an image needs a name"))?;
    if name == HOST_IMAGE {
        let text = format!("{HOST_IMAGE} is what onboard calls the machine's own system");
        return Err(Problem::invalid("name", text));
    }
    Name::new(name).map_err(|bad| Problem::invalid("name", bad.to_string()))
}

fn by_name(read: &impl Reads, env: EnvironmentId, name: &str) -> Result<Option<Image>> {
    match Name::new(name) {
        Ok(name) => lookup::image_by_name(read, env, &name),
        Err(_) => Ok(None),
    }
}

fn refuse_name(read: &impl Reads, env: EnvironmentId, name: &Name) -> Result<()> {
    if lookup::image_by_name(read, env, name)?.is_some() {
        let text = format!(
            "there is an image {name} already, and images do not change: import it under another \
             name, and let the role name that"
        );
        return Err(Problem::new(Code::UnicityViolation, text));
    }
    if lookup::all_images(read)?.len() >= IMAGES_MAX {
        let text = format!("there are {IMAGES_MAX} images already: delete some that nothing uses");
        return Err(Problem::new(Code::LimitExceeded, text));
    }
    Ok(())
}

/// As the journal and people call an image, which may have the name of a farm.
fn about(image: &Image) -> String {
    format!("image {}", image.name)
}

fn found(read: &impl Reads, id: ImageId) -> Result<Image> {
    lookup::image(read, id)?.ok_or_else(|| Problem::not_found("image", id))
}

fn shown(read: &impl Reads, image: Image, uses: &Uses) -> Result<ImageView> {
    let used_by = uses.get(image.name.as_str()).cloned().unwrap_or_default();
    let ImageDefaults { command, user, environment, directory, ports } = image.defaults;
    let pair = |(name, value): (String, String)| format!("{name}={value}");
    Ok(ImageView {
        id: image.id.to_string(),
        name: image.name.to_string(),
        os: OsKey { id: image.os },
        architecture: image.architecture,
        cloud_platform: image.platform,
        cloud_location: image.location,
        cloud_image_id: image.cloud_image_id,
        scope: "environment".to_owned(),
        source: "Manual".to_owned(),
        status: "active".to_owned(),
        grange: ImageExtra {
            revision: lookup::revision_of::<Image>(read, image.id)?,
            bytes: image.bytes,
            entries: image.entries,
            command,
            user: user.unwrap_or_default(),
            environment: environment.into_iter().map(pair).collect(),
            directory: directory.unwrap_or_default(),
            ports,
            added_at: image.added_at.0,
            added_by: views::person(read, image.added_by)?,
            used_by: used_by.into_iter().collect(),
            notes: Vec::new(),
        },
    })
}

/// Who uses images, by the images' names.
type Uses = BTreeMap<String, BTreeSet<String>>;

/// Who uses which image of `onboard`: roles by their current revision, farm roles by every revision
/// that their servers are made of or could go back to.
fn uses(read: &impl Reads) -> Result<Uses> {
    let mut uses = Uses::new();
    let mut add = |images: &[RoleImage], who: &str| {
        for image in images.iter().filter(|image| is_imported(image)) {
            uses.entry(image.cloud_image_id.clone()).or_default().insert(who.to_owned());
        }
    };
    for role in lookup::all_roles(read)? {
        add(&role.images, &format!("role {}", role.name));
    }
    for farm_role in lookup::all_farm_roles(read)? {
        let now = std::iter::once((farm_role.role, farm_role.role_revision));
        let before = farm_role.history.iter().map(|make| (make.role, make.role_revision));
        let made: BTreeSet<(RoleId, u64)> = now.chain(before).collect();
        let name = views::farm_role_name(read, &farm_role)?;
        for (role, number) in made {
            if let Some(revision) = lookup::role_revision(read, role, number)? {
                add(&revision.images, &name);
            }
        }
    }
    Ok(uses)
}

fn digests_in_use(service: &Service) -> Result<BTreeSet<String>> {
    service.read(&Grant::job("images"), |view| {
        let uses = uses(view)?;
        let images = lookup::all_images(view)?.into_iter();
        let used = images.filter(|image| uses.contains_key(image.name.as_str()));
        Ok(used.map(|image| image.cloud_image_id).collect())
    })
}

fn refuse_used(tx: &Tx, image: &Image) -> Result<()> {
    let uses = uses(tx)?;
    let Some(users) = uses.get(image.name.as_str()) else { return Ok(()) };
    let names: Vec<&str> = users.iter().map(String::as_str).take(NAMED_MAX).collect();
    let more = match users.len().saturating_sub(names.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let text = format!("image {} is used by {}{more}", image.name, names.join(", "));
    Err(Problem::new(Code::ObjectInUse, text))
}

/// What of an archive is not in its image.
fn notes(imported: &ImportedImage) -> Vec<String> {
    match imported.devices {
        0 => Vec::new(),
        1 => vec!["1 device node is left out: servers have a /dev of their own".to_owned()],
        many => vec![format!("{many} device nodes are left out: servers have a /dev of their own")],
    }
}

fn problem(name: &Name, failure: ImageFailure) -> Problem {
    match failure {
        ImageFailure::Refused(why) => Problem::invalid("archive", text::tidy(&why, 500)),
        ImageFailure::Failed(failure) => {
            let why = text::tidy(&failure.line(), 500);
            let text = format!("image {name} could not be imported: {why}");
            Problem::new(Code::ServiceUnavailable, text)
        }
    }
}
