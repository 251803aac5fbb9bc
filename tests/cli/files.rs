//! The files of a transcript: some that are given, and what its commands write.

use crate::api::world::SHOP;
use grange::cli::Files;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// Given by name, or written before.
#[derive(Default)]
pub struct Given(RefCell<BTreeMap<String, Vec<u8>>>);

/// The farm as it is, with another range.
fn ranging(min: u32, max: u32) -> String {
    SHOP.replace("minInstances: 2", &format!("minInstances: {min}"))
        .replace("maxInstances: 6", &format!("maxInstances: {max}"))
}

impl Files for Given {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let name = path.to_str().unwrap();
        Ok(match name {
            "shop.yaml" => ranging(4, 6).into(),
            "same.yaml" => ranging(3, 6).into(),
            "fewer.yaml" => ranging(1, 1).into(),
            "large.yaml" => ranging(3, 6).replace("small", "large").into(),
            // Rules to try on a farm role that has others.
            "rules.yaml" => {
                let other = "scaleUp: 50, scaleDown: 25, window: 5m";
                ranging(2, 8).replace("scaleUp: 60, scaleDown: 20, window: 60s", other).into()
            }
            "bare.yaml" => SHOP.split_once("    scaling").unwrap().0.into(),
            "nobody.yaml" => SHOP.replace("shop", "nobody").into(),
            "wrong.yaml" => SHOP.replace("shop", "wr_ong").replace("alias: web\n    ", "").into(),
            "small.tar" => crate::images::made::rootfs("tiny"),
            "text.tar" => b"no archive at all".to_vec(),
            "binary.yaml" => vec![0xff, 0xfe],
            "reader.token" => b"reader\n".to_vec(),
            "bad.token" => b"bad".to_vec(),
            // The last proposal, with a word of it changed.
            "edited.grange" => {
                let whole = String::from_utf8(self.read(Path::new("change.grange"))?).unwrap();
                whole.replacen("shop", "blog", 1).into()
            }
            _ => return self.0.borrow().get(name).cloned().ok_or(io::ErrorKind::NotFound.into()),
        })
    }

    fn exists(&self, _: &Path) -> bool {
        false
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let name = path.to_str().unwrap();
        if name.contains('/') {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.0.borrow_mut().insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }
}
