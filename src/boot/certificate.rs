//! The certificate that both TLS ports show: which names it has, and its renewal while we run.

use crate::appliance;
use crate::base::Clock;
use crate::base::problem::chain;
use crate::boot::config::Config;
use crate::boot::failure::StartError;
use crate::net::tls;
use crate::pki::{self, Authority};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked at. It is renewed 30 days before it ends, and when addresses change.
const PERIOD: Duration = Duration::from_secs(24 * 3600);

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
    /// Of the state directory that a config file names.
    pub fn new(
        config: &Config,
        authority: Arc<Authority>,
        gateway: Option<Ipv4Addr>,
        clock: Arc<dyn Clock>,
    ) -> Certificate {
        let (keys, config) = (config.data_dir.join("keys"), config.clone());
        Certificate { authority, keys, config, gateway, clock }
    }

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
