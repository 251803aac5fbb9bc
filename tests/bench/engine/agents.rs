//! Agents of a bench: one for each server that its cloud launches. They come in through the gate's
//! own traits, say that they are ready, do every order at once, and count what they are told.

use grange::base::{Clock, ServerId, WallClock};
use grange::broker::{Admission, Ingest};
use grange::clouds::simulated::Simulated;
use grange::clouds::volume::VolumeSighting;
use grange::clouds::{Applied, Cloud, CloudError, CloudStep, InstanceType};
use grange::jobs::Courier;
use grange::model::{OrderBody, Sighting};
use grange::pki::request_key_digest;
use grange::service::agents::Doorway;
use grange::wire::agent::{Message, MessageBody, OrderMessage, UserData, VERSION};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A request of a key that nobody keeps.
const REQUEST: &str = include_str!("../../simulation/agent.csr");

/// What happens to a server that its agent has to know.
enum News {
    Launched(Box<UserData>),
    Order(Vec<u8>),
}

/// A cloud whose servers have agents, and the way to them.
pub struct Agents {
    cloud: Arc<Simulated>,
    news: UnboundedSender<(ServerId, News)>,
    /// Orders of work that agents were sent.
    pub told: AtomicU64,
    /// Bytes of them.
    pub bytes: AtomicU64,
    doorway: OnceLock<Arc<Doorway>>,
}

impl Agents {
    /// No agents yet; they live on a thread of their own for as long as the process.
    pub fn new(cloud: Arc<Simulated>) -> Arc<Agents> {
        let (news, heard) = unbounded_channel();
        let (told, bytes) = (AtomicU64::new(0), AtomicU64::new(0));
        let agents = Arc::new(Agents { cloud, news, told, bytes, doorway: OnceLock::new() });
        let own = agents.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            tokio::task::LocalSet::new().block_on(&runtime, own.listen(heard));
        });
        agents
    }

    /// Whom they speak to.
    pub fn meet(&self, doorway: Doorway) {
        assert!(self.doorway.set(Arc::new(doorway)).is_ok(), "they have met already");
    }

    async fn listen(self: Arc<Self>, mut heard: UnboundedReceiver<(ServerId, News)>) {
        let mut agents: BTreeMap<ServerId, UnboundedSender<News>> = BTreeMap::new();
        while let Some((server, news)) = heard.recv().await {
            let agent = agents.entry(server).or_insert_with(|| {
                let (sender, news) = unbounded_channel();
                let agent = Agent { server, said: 0, all: self.clone() };
                tokio::task::spawn_local(agent.live(news));
                sender
            });
            // One whose server is gone hears nothing any more.
            drop(agent.send(news));
        }
    }
}

struct Agent {
    server: ServerId,
    said: u64,
    all: Arc<Agents>,
}

impl Agent {
    async fn live(mut self, mut news: UnboundedReceiver<News>) {
        while let Some(news) = news.recv().await {
            match news {
                News::Launched(data) => self.come_in(&data).await,
                News::Order(letter) => self.obey(&letter).await,
            }
        }
    }

    fn doorway(&self) -> Arc<Doorway> {
        self.all.doorway.get().expect("nothing is launched before they have met").clone()
    }

    async fn come_in(&mut self, data: &UserData) {
        let doorway = self.doorway();
        let token = data.token.reveal().to_owned();
        doorway.enrol(self.server, token, REQUEST.to_owned()).await.expect("a certificate");
        let key = request_key_digest(REQUEST).expect("a request");
        doorway.admit(self.server, key).await.expect("a way in");
        doorway.connected(self.server, SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1));
        let capabilities = Vec::new();
        let (version, ready) = ("bench".to_owned(), !data.works);
        self.say(MessageBody::Hello { version, capabilities, ready, epoch: 1 }).await;
    }

    async fn obey(&mut self, letter: &[u8]) {
        let order: OrderMessage = serde_json::from_slice(letter).expect("orders are JSON");
        let works = matches!(order.body, OrderBody::Workload { .. });
        if works {
            self.all.told.fetch_add(1, Ordering::Relaxed);
            self.all.bytes.fetch_add(letter.len() as u64, Ordering::Relaxed);
        }
        let (error, exit_code, output, ran) = (None, 0, String::new(), None);
        self.say(MessageBody::Result { order: order.order, error, exit_code, output, ran }).await;
        if works {
            self.say(MessageBody::Ready { ready: true, detail: String::new() }).await;
        }
    }

    async fn say(&mut self, body: MessageBody) {
        self.said += 1;
        let at = WallClock::new().now();
        let message = Message { v: VERSION, boot: "bench".into(), seq: self.said, at, body };
        let json = serde_json::to_vec(&message).expect("a message");
        // One whose server has gone meanwhile is not heard.
        drop(self.doorway().message(self.server, json).await);
    }
}

impl Courier for Agents {
    fn send(&self, server: ServerId, message: Vec<u8>) -> bool {
        self.news.send((server, News::Order(message))).is_ok()
    }

    fn disconnect(&self, _server: ServerId) {}
}

impl Cloud for Agents {
    fn platform(&self) -> &'static str {
        self.cloud.platform()
    }

    fn instance_types(&self) -> Vec<InstanceType> {
        self.cloud.instance_types()
    }

    fn list(&self) -> Result<Vec<Sighting>, CloudError> {
        self.cloud.list()
    }

    fn apply(&self, step: &CloudStep) -> Result<Applied, CloudError> {
        let applied = self.cloud.apply(step)?;
        if let CloudStep::Launch(request) = step
            && let Ok(data) = serde_json::from_str(request.user_data.reveal())
        {
            let news = News::Launched(Box::new(data));
            drop(self.news.send((request.server, news)));
        }
        Ok(applied)
    }

    fn volumes(&self) -> Result<Vec<VolumeSighting>, CloudError> {
        self.cloud.volumes()
    }

    fn remove_volume(&self, cloud_volume_id: &str) -> Result<(), CloudError> {
        self.cloud.remove_volume(cloud_volume_id)
    }
}
