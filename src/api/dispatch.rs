//! The way of one request: who, which environment, body, deadline, verb, answer, log line.

use crate::api::answer::{Answer, Reply, value};
use crate::api::call::{Call, pairs, revision};
use crate::api::replay::Turn;
use crate::api::routes::{self, Opens, Row, Run, Verb};
use crate::api::{Api, Context, body, describe, flow, upload};
use crate::base::limit::API_VERBS_WAITING_MAX;
use crate::base::{Code, EnvironmentId, Problem, Result, UserId, random};
use crate::model::{Actor, Door};
use crate::service;
use crate::service::access;
use crate::service::agents::streams::StreamReader;
use axum::Router;
use axum::body::Body;
use axum::extract::{RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Response};
use axum::routing::{MethodFilter, MethodRouter, get, on};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub enum Peer {
    /// A process of this machine, as the kernel says.
    Unix {
        /// Its user.
        uid: u32,
        /// Its process id, where the kernel gives one.
        pid: Option<i32>,
    },
    /// Somebody on the network.
    Network(String),
}

impl Peer {
    fn door(&self) -> Door {
        match self {
            Peer::Unix { .. } => Door::Socket,
            Peer::Network(_) => Door::Https,
        }
    }

    fn address(&self) -> String {
        match self {
            Peer::Unix { pid: Some(pid), .. } => format!("pid {pid}"),
            Peer::Unix { uid, pid: None } => format!("uid {uid}"),
            Peer::Network(address) => address.clone(),
        }
    }
}

/// The whole API as one service; every request carries its [`Peer`] as an extension.
pub fn router(api: Arc<Api>) -> Router {
    let mut paths: BTreeMap<String, MethodRouter<Arc<Api>>> = BTreeMap::new();
    for row in routes::table() {
        let full = format!("/api/v1beta0/user{}", row.path);
        for path in [full.trim_end_matches('/').to_owned(), full] {
            let handler = move |state: State<Arc<Api>>, params, request: Request| {
                answer(state.0, Some(row), params, request)
            };
            let known = paths.remove(&path).unwrap_or_default();
            paths.insert(path, known.merge(on(method(row.method), handler)));
        }
    }
    let nowhere =
        |state: State<Arc<Api>>, params, request: Request| answer(state.0, None, params, request);
    let mut router = Router::new();
    for (path, methods) in paths {
        router = router.route(&path, methods.fallback(nowhere));
    }
    for service in describe::SERVICES {
        for ending in ["yml", "yaml"] {
            let (path, text) =
                (format!("/api/{service}.v1beta0.{ending}"), describe::text(service));
            router = router.route(
                &path,
                get(move || async move { describe::response(text) }).fallback(nowhere),
            );
        }
    }
    let front = get(describe::front_page).fallback(nowhere);
    router.route("/", front).fallback(nowhere).with_state(api)
}

fn method(name: &str) -> MethodFilter {
    match name {
        "POST" => MethodFilter::POST,
        "PATCH" => MethodFilter::PATCH,
        "DELETE" => MethodFilter::DELETE,
        _ => MethodFilter::GET,
    }
}

/// Answers a request, whatever happens, and logs it: never a body, a query or a header.
async fn answer(
    api: Arc<Api>,
    row: Option<&'static Row>,
    params: std::result::Result<RawPathParams, axum::extract::rejection::RawPathParamsRejection>,
    request: Request,
) -> Response<Body> {
    let began = Instant::now();
    let id = format!("{:016x}", random::fresh_seed());
    let (parts, body) = request.into_parts();
    let peer = parts.extensions.get::<Peer>().cloned();
    let address = peer.as_ref().map(Peer::address).unwrap_or_default();
    let params = params.map_or_else(
        |_| Err(Problem::new(Code::BadRequest, "the path is not UTF-8")),
        |raw| Ok(raw.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect()),
    );
    let mut who = String::new();
    let outcome = match (row, params) {
        (None, _) => Err(nowhere(&parts)),
        (Some(_), Err(problem)) => Err(problem),
        (Some(row), Ok(params)) => {
            let asked = Asked { row, params, parts: &parts, peer, id: &id };
            asked.carry_out(&api, body, &mut who).await
        }
    };
    let response = match outcome {
        Ok(Answered::Whole(answer, replayed)) => answer.into_response(&id, replayed),
        Ok(Answered::Flowing(response)) => response,
        Err(problem) => Answer::refusal(&problem, &id).into_response(&id, false),
    };
    let ms = began.elapsed().as_millis() as u64;
    let (method, path, status) = (&parts.method, parts.uri.path(), response.status().as_u16());
    // A screen asks every few seconds: what changes nothing and went well is not news.
    if parts.method.is_safe() && status < 400 {
        tracing::debug!(request = id, %method, path, status, ms, who, address, "answered");
    } else {
        tracing::info!(request = id, %method, path, status, ms, who, address, "answered");
    }
    response
}

/// What a request came to.
enum Answered {
    /// An answer, and whether it is one that was given before.
    Whole(Answer, bool),
    /// One whose body is still coming about.
    Flowing(Response<Body>),
}

fn nowhere(parts: &Parts) -> Problem {
    let (method, path) = (&parts.method, parts.uri.path());
    Problem::new(Code::EndpointNotFound, format!("there is no {method} {path}"))
}

/// A request that found its row.
struct Asked<'a> {
    row: &'static Row,
    params: Vec<(String, String)>,
    parts: &'a Parts,
    peer: Option<Peer>,
    id: &'a str,
}

impl Asked<'_> {
    async fn carry_out(mut self, api: &Arc<Api>, body: Body, who: &mut String) -> Result<Answered> {
        let actor = self.authenticate(api).await?;
        who.clone_from(&actor.name);
        let (body, file) = match &self.row.run {
            Run::Upload(_) => (body::Read::default(), Some(body)),
            _ => (body::read(api, body, &self.parts.headers).await?, None),
        };
        let headers = &self.parts.headers;
        let call = Call {
            actor,
            path: self.parts.uri.path().to_owned(),
            params: std::mem::take(&mut self.params),
            query: pairs(self.parts.uri.query().unwrap_or_default()),
            revision: revision(text(headers, "if-match"))?,
            body,
            now: api.clock.now(),
        };
        self.check_query(&call)?;
        match &self.row.run {
            Run::Events => {
                events(api, call, self.id).await.map(|answer| Answered::Whole(answer, false))
            }
            Run::Verb(verb) => self
                .verb(api, call, &**verb)
                .await
                .map(|(answer, replayed)| Answered::Whole(answer, replayed)),
            Run::Upload(takes) => {
                let length = body::announced(headers);
                let file = upload::File { body: file.unwrap_or_default(), length };
                upload::take(api, call, file, &**takes, self.id)
                    .await
                    .map(|answer| Answered::Whole(answer, false))
            }
            Run::Stream(opens) => {
                let reader = within(api, open(api, call, &**opens)).await?;
                flow::stream(api, reader, self.id).await.map(Answered::Flowing)
            }
            Run::Gather(opens, understand) => {
                let gathered = async {
                    let reader = open(api, call, &**opens).await?;
                    flow::gather(reader, *understand, self.id).await
                };
                within(api, gathered).await.map(|answer| Answered::Whole(answer, false))
            }
        }
    }

    async fn authenticate(&self, api: &Arc<Api>) -> Result<Actor> {
        let token = bearer(&self.parts.headers)?;
        let peer = self.peer.clone();
        let door = peer.as_ref().map_or(Door::Https, Peer::door);
        let address = peer.as_ref().map(Peer::address).unwrap_or_default();
        let known = blocking(api, move |api| {
            Ok(match (token, peer) {
                (Some(token), _) => {
                    let known = access::of_token(&api.context.service, &token);
                    known.ok_or_else(|| "unknown token".to_owned())
                }
                (None, Some(Peer::Unix { uid, .. })) => {
                    let Context { service, administrators, .. } = &api.context;
                    access::of_unix(service, uid, administrators).ok_or_else(|| stranger(uid))
                }
                (None, Some(Peer::Network(_)) | None) => Err("send a bearer token".to_owned()),
            })
        });
        let actor = within(api, known)
            .await?
            .map_err(|message| Problem::new(Code::BadAuthentication, message))?;
        let request = self.id.to_owned();
        self.enter(Actor { door, address, request, ..actor })
    }

    /// Lets an actor into the environment the path names.
    fn enter(&self, actor: Actor) -> Result<Actor> {
        let named = self.params.iter().find(|(name, _)| name == "envId");
        let text = named.map_or("", |(_, value)| value.as_str());
        match text.parse::<EnvironmentId>() {
            Ok(env) if env == actor.env => Ok(actor),
            Ok(_) | Err(_) => Err(Problem::not_found("environment", format!("{text:?}"))),
        }
    }

    fn check_query(&self, call: &Call) -> Result<()> {
        let mut known = self.row.query.clone();
        if let routes::Output::Page(_) = self.row.output {
            known.extend(["maxResults", "pageNum"]);
        }
        call.only(&known)
    }

    async fn verb(
        &self,
        api: &Arc<Api>,
        call: Call,
        verb: &'static Verb,
    ) -> Result<(Answer, bool)> {
        let id = self.id.to_owned();
        let method = self.row.method;
        let key = text(&self.parts.headers, "idempotency-key").map(str::to_owned);
        let key = key.filter(|_| method != "GET");
        let work = blocking(api, move |api| {
            let run = |call: &Call| verb(&api.context, call).map(|reply| Answer::of(reply, &id));
            let Some(key) = key else {
                return run(&call).map(|answer| (answer, false));
            };
            let parts = [method.as_bytes(), call.path.as_bytes(), &call.body.bytes];
            match api.answers.begin(call.actor.user, &key, parts)? {
                Turn::Again(answer) => Ok((answer, true)),
                Turn::Go(going) => run(&call).map(|answer| {
                    going.done(&answer);
                    (answer, false)
                }),
            }
        });
        within(api, work).await
    }
}

/// Opens a stream from a server.
async fn open(api: &Arc<Api>, call: Call, opens: &'static Opens) -> Result<StreamReader> {
    blocking(api, move |api| opens(&api.context, &call)).await
}

/// Waits for journal entries without holding a thread.
async fn events(api: &Arc<Api>, call: Call, id: &str) -> Result<Answer> {
    let (query, wait) = routes::events(&call)?;
    let _place = (wait > 0).then(|| Follower::admit(api, call.actor.user)).transpose()?;
    let until = tokio::time::Instant::now() + Duration::from_millis(wait);
    let (mut bell, mut stopping) = (api.bell.listen(), api.stopping.subscribe());
    let mut query = query;
    loop {
        bell.borrow_and_update();
        let (actor, asked) = (call.actor.clone(), query.clone());
        let look =
            blocking(api, move |api| service::journal::list(&api.context.service, &actor, &asked));
        let found = within(api, look).await?;
        let left = until.saturating_duration_since(tokio::time::Instant::now());
        let start_over = found.start_over;
        if !found.events.is_empty()
            || start_over.is_some()
            || left.is_zero()
            || *stopping.borrow_and_update()
        {
            let rows = value(&found.events)?;
            return Ok(Answer::of(Reply::Events { rows, seq: found.seq, start_over }, id));
        }
        // What was looked at and not shown need not be looked at again.
        query.after = Some(found.seq);
        tokio::select! {
            _ = bell.changed() => {}
            _ = stopping.changed() => {}
            () = tokio::time::sleep(left) => {}
        }
    }
}

/// One of those of a user who wait for events.
struct Follower<'a>(&'a Api, UserId);

impl<'a> Follower<'a> {
    fn admit(api: &'a Api, user: UserId) -> Result<Follower<'a>> {
        let mut followers = api.followers.lock().unwrap_or_else(PoisonError::into_inner);
        let count = followers.entry(user).or_default();
        if *count >= api.limits.event_waits_each {
            let message = format!("{count} requests of this user wait for events already");
            return Err(Problem::new(Code::ServiceUnavailable, message));
        }
        *count += 1;
        Ok(Follower(api, user))
    }
}

impl Drop for Follower<'_> {
    fn drop(&mut self) {
        let mut followers = self.0.followers.lock().unwrap_or_else(PoisonError::into_inner);
        let left = followers.get(&self.1).map_or(0, |count| count.saturating_sub(1));
        match left {
            0 => drop(followers.remove(&self.1)),
            _ => drop(followers.insert(self.1, left)),
        }
    }
}

/// Runs what may block on a thread that may, when its turn comes.
async fn blocking<T: Send + 'static>(
    api: &Arc<Api>,
    work: impl FnOnce(&Api) -> Result<T> + Send + 'static,
) -> Result<T> {
    if api.waiting.fetch_add(1, Ordering::Relaxed) >= API_VERBS_WAITING_MAX {
        api.waiting.fetch_sub(1, Ordering::Relaxed);
        return Err(Problem::new(Code::ServiceUnavailable, "too many requests wait already"));
    }
    let waiting = Waiting(api);
    let permit = api.working.clone().acquire_owned().await;
    drop(waiting);
    let permit = permit.map_err(|e| Problem::internal("waiting for a turn", e))?;
    let theirs = api.clone();
    let done = tokio::task::spawn_blocking(move || {
        let done = work(&theirs);
        drop(permit);
        done
    });
    done.await.unwrap_or_else(|e| Err(Problem::internal("carrying out a request", e)))
}

/// One of those who wait for their turn, also when it is given up.
struct Waiting<'a>(&'a Api);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn within<T>(api: &Api, work: impl Future<Output = Result<T>>) -> Result<T> {
    let deadline = Duration::from_millis(api.limits.request);
    timeout(deadline, work).await.unwrap_or_else(|_| {
        let message = format!("no result within {} s; it may still come", deadline.as_secs());
        Err(Problem::new(Code::ServiceUnavailable, message))
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// What a user of this machine is told whom nobody has let in.
fn stranger(uid: u32) -> String {
    format!(
        "who are you? The user with id {uid} of this machine is nobody here: ask as root, send a \
         bearer token, or be named under [users] administrators in grange.toml"
    )
}

/// The bearer token, if there is one. Another scheme is refused rather than overlooked: who
/// sends credentials means to be known by them.
fn bearer(headers: &HeaderMap) -> Result<Option<String>> {
    let Some(header) = headers.get("authorization") else {
        return Ok(None);
    };
    let token = header.to_str().ok().and_then(|text| text.split_once(' '));
    match token {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            Ok(Some(token.trim().to_owned()))
        }
        Some(_) | None => {
            let message = "the Authorization header must be: Bearer <token>";
            Err(Problem::new(Code::BadAuthentication, message))
        }
    }
}
