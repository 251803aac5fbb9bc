//! Answers: Scalr's envelope around what a verb gave, or around its faults.

use crate::api::call::Paging;
use crate::base::limit::FAULT_LETTERS_MAX;
use crate::base::problem::chain;
use crate::base::{Code, Problem};
use crate::wire::api::{ErrorView, Errors, Meta, Pagination};
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use serde_json::value::RawValue;

/// A view as JSON text: a page of a hundred rows is written once, and copied into its envelope.
pub type Written = Box<RawValue>;

/// What a row gives back.
#[derive(Debug)]
pub enum Reply {
    /// An object, and its revision where it has one.
    One(Written, Option<u64>),
    /// An object that was not there before.
    Made(Written, Option<u64>),
    /// A page of a list.
    Page {
        /// The rows.
        rows: Written,
        /// Where the other pages are.
        pagination: Pagination,
    },
    /// Journal entries, and how far the journal was read for them.
    Events {
        /// The entries.
        rows: Written,
        /// The last entry looked at.
        seq: u64,
        /// The first entry kept, when that is later than what was asked for.
        start_over: Option<u64>,
    },
    /// Done, and nothing to say.
    Nothing,
}

/// Turns a view into JSON.
pub fn value(view: &impl Serialize) -> Result<Written, Problem> {
    serde_json::value::to_raw_value(view).map_err(|e| Problem::internal("writing the answer", e))
}

/// An answer, written out: what is sent, and what is remembered for a repeated key.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The object's revision.
    pub revision: Option<u64>,
    /// The envelope.
    pub body: Vec<u8>,
}

impl Answer {
    /// Wraps a reply.
    pub fn of(reply: Reply, request: &str) -> Answer {
        let mut meta = Meta { request_id: request.to_owned(), ..Meta::default() };
        let (status, revision, data, pagination) = match reply {
            Reply::One(data, revision) => (200, revision, data, None),
            Reply::Made(data, revision) => (201, revision, data, None),
            Reply::Page { rows, pagination } => (200, None, rows, Some(pagination)),
            Reply::Events { rows, seq, start_over } => {
                (meta.seq, meta.start_over) = (Some(seq), start_over);
                (200, None, rows, Some(Pagination::default()))
            }
            Reply::Nothing => return Answer { status: 204, revision: None, body: Vec::new() },
        };
        Answer { status, revision, body: written(&Envelope { meta, data, pagination }) }
    }

    /// Wraps every fault of a problem. Faults of ours are logged with their causes, which are
    /// nobody's business outside.
    pub fn refusal(problem: &Problem, request: &str) -> Answer {
        if problem.code == Code::InternalServerError {
            tracing::error!(request, "{}", chain(problem));
        }
        let fault = |one: &Problem| ErrorView {
            code: one.code.as_str().to_owned(),
            message: short(&one.message),
            field: one.field.as_deref().map(short),
        };
        let errors = Errors {
            meta: Meta { request_id: request.to_owned(), ..Meta::default() },
            errors: problem.each().map(fault).collect(),
        };
        Answer { status: problem.code.http_status(), revision: None, body: written(&errors) }
    }

    /// As HTTP.
    pub fn into_response(self, request: &str, replayed: bool) -> Response<Body> {
        let empty = self.body.is_empty();
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        if !empty {
            let json = HeaderValue::from_static("application/json; charset=utf-8");
            headers.insert(header::CONTENT_TYPE, json);
        }
        if let Ok(id) = HeaderValue::from_str(request) {
            headers.insert("x-request-id", id);
        }
        if let Some(tag) =
            self.revision.and_then(|n| HeaderValue::from_str(&format!("\"{n}\"")).ok())
        {
            headers.insert(header::ETAG, tag);
        }
        if replayed {
            headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
        }
        if self.status == 401 {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// What is around every reply.
#[derive(Serialize)]
struct Envelope {
    meta: Meta,
    data: Written,
    #[serde(skip_serializing_if = "Option::is_none")]
    pagination: Option<Pagination>,
}

/// JSON of our own shapes: texts, numbers and what is written already, which cannot fail.
fn written(shape: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(shape).expect("an envelope is JSON")
}

/// A text, cut where it is longer than anybody reads.
fn short(text: &str) -> String {
    match text.char_indices().nth(FAULT_LETTERS_MAX) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}

/// Where the other pages of a list are, relative; all null when there is one page.
pub fn pagination(paging: &Paging, total: usize) -> Pagination {
    let size = paging.page.size.max(1);
    let last = total.div_ceil(size).max(1);
    if last == 1 && paging.page.number == 1 {
        return Pagination::default();
    }
    let link = |number: usize| Some(paging.link(number));
    let number = paging.page.number;
    Pagination {
        first: link(1),
        last: link(last),
        prev: (number > 1).then(|| (number - 1).min(last)).and_then(link),
        next: (number < last).then_some(number + 1).and_then(link),
    }
}
