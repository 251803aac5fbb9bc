//! Archives that come in over the API's socket: whole, in chunks, cut off, and refused half way.

use super::made::rootfs;
use crate::api::house::House;
use grange::api::Limits;
use grange::client::{Client, Upload, socket};
use grange::wire::image::{IMAGE_IMPORT, IMAGES, ImageFilter, ImageImport, ImageView};
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(60);

struct Door {
    house: House,
    client: Client,
}

impl Door {
    fn open() -> Door {
        let house = House::open(true, Limits::default());
        let client = Client::new(Arc::new(socket(house.socket()))).with_deadline(DEADLINE);
        Door { house, client }
    }

    fn upload(
        &self,
        name: Option<&str>,
        length: Option<u64>,
        bytes: &mut dyn Read,
    ) -> Result<ImageView, String> {
        let query = ImageImport { name: name.map(str::to_owned) };
        let made = self.client.upload(&IMAGE_IMPORT, &query, Upload { length, bytes }, DEADLINE);
        made.map_err(|error| error.to_string())
    }

    fn count(&self) -> usize {
        self.client.rows_where(&IMAGES, &[], &ImageFilter::default()).unwrap().len()
    }

    /// What is there of archives and trees.
    fn entries(&self) -> usize {
        std::fs::read_dir(self.house.site.lock().unwrap().place.images()).map_or(0, Iterator::count)
    }
}

#[test]
fn an_archive_comes_in_whole_or_in_chunks() {
    let door = Door::open();
    let archive = rootfs("debian");
    let one = door.upload(Some("one"), Some(archive.len() as u64), &mut archive.as_slice());
    let two = door.upload(Some("two"), None, &mut archive.as_slice());
    assert_eq!(one.unwrap().cloud_image_id, two.unwrap().cloud_image_id);
    assert_eq!((door.count(), door.entries()), (2, 1));
    let again = door.upload(Some("two"), None, &mut archive.as_slice()).unwrap_err();
    assert!(again.contains("there is an image two already"), "{again}");
}

#[test]
fn one_that_is_refused_early_is_told_while_it_is_still_sent() {
    let door = Door::open();
    // More than any buffer holds.
    let mut endless = io::repeat(0).take(8 << 20);
    let refused = door.upload(None, None, &mut endless).unwrap_err();
    assert!(refused.contains("an image needs a name"), "{refused}");
    let mut endless = io::repeat(0).take(8 << 20);
    let large = door.upload(Some("large"), Some(1 << 50), &mut endless).unwrap_err();
    assert!(large.contains("at most"), "{large}");
    let reader = Client::new(Arc::new(socket(door.house.socket())));
    let reader = reader.with_token(Some(grange::base::Secret::new("reader")));
    let upload = Upload { length: None, bytes: &mut io::repeat(0).take(8 << 20) };
    let query = ImageImport { name: Some("x".to_owned()) };
    let stranger = reader.upload(&IMAGE_IMPORT, &query, upload, DEADLINE).unwrap_err().to_string();
    assert!(stranger.contains("the permission ImagesManage is missing"), "{stranger}");
    assert_eq!((door.count(), door.entries()), (0, 0));
}

/// Ends with an error half way, as a network does.
struct Cut<'a>(&'a [u8]);

impl Read for Cut<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.read(into)? {
            0 => Err(io::ErrorKind::ConnectionReset.into()),
            some => Ok(some),
        }
    }
}

#[test]
fn one_that_is_cut_off_leaves_nothing() {
    let door = Door::open();
    let archive = rootfs("debian");
    let all = archive.len() as u64;
    for length in [None, Some(all)] {
        let cut = door.upload(Some("cut"), length, &mut Cut(&archive[..2000]));
        assert!(cut.is_err());
    }
    // The verb hears of it a moment later; what it had is gone then.
    let mut left = 1;
    for _ in 0..2000 {
        left = door.entries();
        if left == 0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!((door.count(), left), (0, 0));
    door.upload(Some("cut"), Some(all), &mut archive.as_slice()).unwrap();
}
