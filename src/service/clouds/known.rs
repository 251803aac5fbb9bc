//! Which cloud accounts farms may use, and of which platform each is.
//!
//! An account is known by its record. One without a record is there with the machine, as `onboard`
//! is, and named as its platform.

use crate::base::{EnvironmentId, Result};
use crate::clouds::platform::{PLATFORMS, platform};
use crate::service::{Settings, lookup};
use crate::store::Reads;
use std::collections::{BTreeMap, BTreeSet};

/// An account that farms may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::service) struct KnownAccount {
    /// What `cloudAccount` of a manifest says.
    pub name: String,
    /// What `cloudPlatform` of a manifest says.
    pub platform: String,
    /// The sizes of its servers, from the smallest to the largest.
    pub sizes: Vec<String>,
}

/// Every account that farms of an environment may use, by name.
pub(in crate::service) fn accounts(
    settings: &Settings,
    read: &impl Reads,
    env: EnvironmentId,
) -> Result<Vec<KnownAccount>> {
    let with_machine = settings.platforms.iter().map(|(name, sizes)| KnownAccount {
        name: name.clone(),
        platform: name.clone(),
        sizes: sizes.clone(),
    });
    let mut known: Vec<KnownAccount> = with_machine.collect();
    for account in lookup::cloud_accounts(read)? {
        if !account.environments.contains(&env) {
            continue;
        }
        let sizes = platform(&account.platform).map(|platform| (platform.instance_types)());
        let sizes = sizes.unwrap_or_default().into_iter().map(|size| size.name);
        known.push(KnownAccount {
            name: account.name.to_string(),
            platform: account.platform,
            sizes: sizes.collect(),
        });
    }
    known.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(known)
}

/// What is wrong with how an account is named: the field, and what would be right.
pub(in crate::service) type NamingFault = (&'static str, String);

/// The account that a platform and perhaps a name mean: where no name is said, the only one of that
/// platform.
pub(in crate::service) fn choose<'k>(
    known: &'k [KnownAccount],
    on: &str,
    account: Option<&str>,
) -> std::result::Result<&'k KnownAccount, NamingFault> {
    let of_platform: Vec<&KnownAccount> = known.iter().filter(|one| one.platform == on).collect();
    let names: Vec<&str> = of_platform.iter().map(|one| one.name.as_str()).collect();
    let Some(name) = account else {
        return match of_platform.as_slice() {
            [] => Err(("cloudPlatform", no_platform(known, on))),
            [one] => Ok(one),
            _ => {
                let names = names.join(" or ");
                let text = format!("{on} has several cloud accounts: say cloudAccount: {names}");
                Err(("cloudPlatform", text))
            }
        };
    };
    if of_platform.is_empty() {
        return Err(("cloudPlatform", no_platform(known, on)));
    }
    if let Some(one) = of_platform.iter().find(|one| one.name == name) {
        return Ok(one);
    }
    let text = match known.iter().find(|one| one.name == name) {
        Some(other) => format!(
            "cloud account {name} is of {}, and cloudPlatform says {on}: use {}",
            other.platform,
            names.join(" or ")
        ),
        None => format!("no cloud account {name}: use {}", names.join(" or ")),
    };
    Err(("cloudAccount", text))
}

/// Why nothing can be launched on a platform.
pub(in crate::service) fn no_platform(known: &[KnownAccount], on: &str) -> String {
    if platform(on).is_some() {
        return format!("{on} has no cloud account: add one with grange cloud add {on}");
    }
    let with_account = known.iter().map(|one| one.platform.as_str());
    let all: BTreeSet<&str> = with_account.chain(PLATFORMS.iter().map(|p| p.name)).collect();
    let all: Vec<&str> = all.into_iter().collect();
    format!("no platform {on}: use {}", all.join(" or "))
}

/// The platform of an account. One whose record is gone is called by its own name.
pub(in crate::service) fn platform_of(read: &impl Reads, account: &str) -> Result<String> {
    let record = lookup::cloud_account(read, account)?;
    Ok(record.map_or_else(|| account.to_owned(), |record| record.platform))
}

/// Whether an account that was chosen for a platform was removed since.
pub(in crate::service) fn is_gone(
    read: &impl Reads,
    account: Option<&str>,
    platform: &str,
) -> Result<bool> {
    let Some(name) = account.filter(|name| *name != platform) else { return Ok(false) };
    Ok(lookup::cloud_account(read, name)?.is_none())
}

/// The platforms of all accounts, for who asks for many.
pub(in crate::service) struct AccountPlatforms(BTreeMap<String, String>);

impl AccountPlatforms {
    /// As they are now.
    pub fn read(read: &impl Reads) -> Result<AccountPlatforms> {
        let all = lookup::cloud_accounts(read)?.into_iter();
        Ok(AccountPlatforms(all.map(|one| (one.name.to_string(), one.platform)).collect()))
    }

    /// The platform of one.
    pub fn of<'p>(&'p self, account: &'p str) -> &'p str {
        self.0.get(account).map_or(account, String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_alone_means_its_only_account() {
        let one = |name: &str, platform: &str| KnownAccount {
            name: name.into(),
            platform: platform.into(),
            sizes: Vec::new(),
        };
        let first = [one("onboard", "onboard"), one("home", "docker")];
        let second = [first[0].clone(), first[1].clone(), one("work", "docker")];
        let check = |known: &[KnownAccount], on: &str, said: Option<&str>, expected: &str| {
            let told = match choose(known, on, said) {
                Ok(account) => account.name.clone(),
                Err((field, why)) => format!("{field}: {why}"),
            };
            assert_eq!(told, expected);
        };
        check(&first, "docker", None, "home");
        check(&first, "onboard", None, "onboard");
        check(&second, "docker", Some("work"), "work");
        let several = "cloudPlatform: docker has several cloud accounts: say cloudAccount: home or \
                       work";
        check(&second, "docker", None, several);
        let none =
            "cloudPlatform: docker has no cloud account: add one with grange cloud add docker";
        check(&first[..1], "docker", None, none);
        check(
            &first,
            "ec3",
            None,
            "cloudPlatform: no platform ec3: use command or docker or onboard",
        );
        check(&first, "docker", Some("work"), "cloudAccount: no cloud account work: use home");
        let other = "cloudAccount: cloud account home is of docker, and cloudPlatform says \
                     onboard: use onboard";
        check(&first, "onboard", Some("home"), other);
    }
}
