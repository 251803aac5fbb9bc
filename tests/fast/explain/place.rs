//! Where the images of a site lie.

use grange::clouds::onboard::ImageShelf;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A place for images, which is on the disk only once there is one, and for as long as the site.
pub struct ImagePlace(PathBuf);

impl ImagePlace {
    /// One that nobody else has.
    pub fn new() -> ImagePlace {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("grange-site-{}-{number}", std::process::id());
        ImagePlace(std::env::temp_dir().join(name))
    }

    /// The directory of images, archives that arrive among them.
    pub fn images(&self) -> PathBuf {
        self.0.join("images")
    }

    /// What a service is given.
    pub fn shelf(&self) -> Arc<ImageShelf> {
        Arc::new(ImageShelf::open(&self.0).unwrap())
    }
}

impl Drop for ImagePlace {
    fn drop(&mut self) {
        if self.0.exists() {
            std::fs::remove_dir_all(&self.0).unwrap();
        }
    }
}
