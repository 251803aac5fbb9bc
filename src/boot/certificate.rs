//! The certificate that both TLS ports show: which names it has, and its renewal while we run; and
//! that the keys stay where they are.

use crate::appliance;
use crate::base::Clock;
use crate::base::kept::KeptFate;
use crate::base::problem::chain;
use crate::boot::config::Config;
use crate::boot::failure::StartError;
use crate::net::tls;
use crate::pki::{self, Authority};
use crate::service::Service;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked at. It is renewed 30 days before it ends, and when addresses change.
const PERIOD: Duration = Duration::from_secs(24 * 3600);

/// How often it is looked whether keys are where they belong.
const KEYS_LOOK: Duration = Duration::from_secs(10);

/// What a certificate is made from.
#[derive(Clone)]
pub struct Certificate {
    /// Who signs it.
    pub authority: Arc<Authority>,
    /// Where it is kept.
    pub keys: PathBuf,
    /// What the config file says of addresses.
    pub config: Config,
    /// Our address on the bridge of servers on this machine.
    pub gateway: Option<Ipv4Addr>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Certificate {
    /// The certificate for what the machine is called now, made or renewed if need be; with whether
    /// it is another than before.
    pub fn identity(&self) -> Result<(tls::Identity, bool), StartError> {
        let now = self.clock.now();
        let made = pki::server_identity(&self.authority, &self.keys, &self.names(), now);
        let made = made.map_err(StartError::Keys)?;
        let identity = tls::Identity::from_pem(&made.chain_pem, &made.key_pem);
        Ok((identity.map_err(StartError::Tls)?, made.renewed))
    }

    /// Looks at it daily, for as long as the runtime lives.
    pub async fn keep(self, serving: Arc<tls::Serving>) {
        loop {
            tokio::time::sleep(PERIOD).await;
            let own = self.clone();
            match tokio::task::spawn_blocking(move || own.identity()).await {
                Ok(Ok((identity, true))) => {
                    serving.replace(identity);
                    tracing::info!("the certificate was renewed");
                }
                Ok(Ok((_, false))) => {}
                Ok(Err(error)) => {
                    let error = chain(&error);
                    tracing::warn!(%error, "the certificate could not be renewed");
                }
                Err(error) => tracing::warn!(%error, "the renewal of the certificate ended early"),
            }
        }
    }

    /// Looks all the time whether the keys are still in their directory, and puts them back: the
    /// next start would be refused without them, and every agent locked out.
    pub async fn guard(self, service: Arc<Service>) {
        loop {
            tokio::time::sleep(KEYS_LOOK).await;
            let (own, service) = (self.clone(), service.clone());
            let looked = tokio::task::spawn_blocking(move || own.put_back(&service)).await;
            if let Err(error) = looked {
                tracing::warn!(%error, "a look at the keys ended early");
            }
        }
    }

    fn put_back(&self, service: &Service) {
        let authority = self.authority.put_back(&self.keys).map_err(|error| chain(&error));
        let sealing = service.keyring.put_back().map_err(|problem| chain(&problem));
        let at = self.clock.now();
        for (what, done) in [("authority.pem", authority), ("sealing.keys", sealing)] {
            let text = match done {
                Ok(None) => continue,
                Ok(Some(fate)) => {
                    let found = match fate {
                        KeptFate::Gone => String::new(),
                        KeptFate::Changed => format!(", and what was there is keys/{what}.found"),
                    };
                    format!("keys/{what} {}; it was put back at {at}{found}", fate.as_str())
                }
                Err(why) => format!("keys/{what} is not what is in use, nor can it be: {why}"),
            };
            tracing::warn!("{text}");
            service.observed.set_alert(&format!("keys-{what}"), Some(text));
        }
        if let Some(mended) = service.store.mended() {
            service.observed.set_alert("store-log", Some(format!("{mended} (at {at})")));
        }
    }

    fn names(&self) -> Vec<String> {
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        names.extend(appliance::host_name());
        names.extend(self.gateway.map(|address| address.to_string()));
        for address in [self.config.https, self.config.agents] {
            match address.ip().is_unspecified() {
                true => names.extend(appliance::addresses()),
                false => names.push(address.ip().to_string()),
            }
        }
        let host = |address: &String| Some(address.rsplit_once(':')?.0.to_owned());
        names.extend(self.config.agent_addresses.iter().filter_map(host));
        names
    }
}
