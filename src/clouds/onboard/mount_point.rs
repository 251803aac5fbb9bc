//! Where a data volume may be mounted.

use crate::clouds::CloudError;
use std::path::Path;

/// Where no volume may be mounted.
const RESERVED: [&str; 6] = ["/dev", "/etc", "/proc", "/run", "/sys", "/var/log/grange"];

/// A volume is mounted below the root and over nothing that the platform itself puts there.
pub fn check_mount_point(path: &str) -> Result<(), CloudError> {
    let plain = path.starts_with('/') && path.split('/').all(|part| part != ".." && part != ".");
    let depth = path.split('/').filter(|part| !part.is_empty()).count();
    let reserved = RESERVED.iter().any(|own| Path::new(path).starts_with(own));
    if plain && depth > 0 && !reserved {
        return Ok(());
    }
    Err(CloudError::Refused(format!("a volume cannot be mounted at {path:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_mounted_where_they_can_do_no_harm() {
        let check = |path: &str, fine: bool| {
            assert_eq!(check_mount_point(path).is_ok(), fine, "{path}");
        };
        check("/data", true);
        check("/srv/data/", true);
        check("/etcetera", true);
        for path in ["", "/", "//", "data", "/data/../..", "/etc", "/run/x", "/proc/1", "/./x"] {
            check(path, false);
        }
    }
}
