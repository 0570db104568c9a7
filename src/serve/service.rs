//! From HTTP to a request, and from an answer to HTTP.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, timeout};

use super::answer::{self, Accepted, Answer, Content, Reply};
use super::auth::Caller;
use super::control;
use super::discovery;
use super::failure::Failure;
use super::passage::{self, Ended, Passage};
use super::request::{Query, Request, Target};
use super::server::Shared;
use super::watch::{Step, Watch};

/// All warnings of an answer together: headers have limits, also those of clients.
const WARNINGS_BYTES_MAX: usize = 4_096;
/// What 1.36 says to every request for Endpoints.
const ENDPOINTS_DEPRECATED: &str =
    "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice";
/// From one bookmark to the next.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
/// How many batches of events may wait for a slow watcher.
const WATCH_BATCHES_MAX: usize = 16;

/// The connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("no answer")]
pub(crate) struct NoAnswer;

/// The body of an answer.
pub(crate) enum ReplyBody {
    /// All of it.
    Full(Option<Bytes>),
    /// What a watch sends, as it comes.
    Events(mpsc::Receiver<Bytes>),
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Events(events) => events.poll_recv(context).map(|bytes| bytes.map(|b| Ok(Frame::data(b)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Full(None))
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        match self {
            Self::Full(bytes) => {
                hyper::body::SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Events(_) => hyper::body::SizeHint::default(),
        }
    }
}

/// Answers a request.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    http: hyper::Request<Incoming>,
) -> Result<Response<ReplyBody>, NoAnswer> {
    let (parts, body) = http.into_parts();
    let header =
        |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let request = Arc::new(Request {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: Query::parse(parts.uri.query().unwrap_or("")),
        accept: header(hyper::header::ACCEPT).to_owned(),
        content_type: header(hyper::header::CONTENT_TYPE).to_owned(),
        user_agent: header(hyper::header::USER_AGENT).to_owned(),
    });
    let authorization =
        parts.headers.get(hyper::header::AUTHORIZATION).map_or(&b""[..], HeaderValue::as_bytes);
    let caller = shared.clients.identify(authorization);
    let mut response = match respond(&shared, caller, &request, body).await {
        Ok(Some(response)) => response,
        Ok(None) => return Err(NoAnswer),
        Err(failure) => to_http(answer::refusal(&failure, &request)),
    };
    // It stands before all others.
    if is_for_endpoints(&request, response.status()) {
        let headers = response.headers_mut();
        let others: Vec<_> = headers.get_all(hyper::header::WARNING).iter().cloned().collect();
        headers.remove(hyper::header::WARNING);
        warn(&mut response, ENDPOINTS_DEPRECATED);
        for other in others {
            response.headers_mut().append(hyper::header::WARNING, other);
        }
    }
    Ok(response)
}

/// Whether it got as far as the handler of Endpoints.
fn is_for_endpoints(request: &Request, status: StatusCode) -> bool {
    let may_be = request.path.contains("endpoints") || request.path.contains('%');
    let is = || match Target::find(&request.path) {
        Ok(Some(target)) => target.kind.plural == "endpoints",
        _ => false,
    };
    let is_turned_away = || match status {
        StatusCode::BAD_REQUEST => request.check_timeout().is_err(),
        StatusCode::NOT_ACCEPTABLE => Accepted::any(request, false).is_err(),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => request.method == "PATCH",
        _ => false,
    };
    may_be && is() && !is_turned_away()
}

/// The response, or none if the connection is to be closed.
async fn respond(
    shared: &Arc<Shared>,
    caller: Option<Caller>,
    request: &Arc<Request>,
    body: Incoming,
) -> Result<Option<Response<ReplyBody>>, Failure> {
    if shared.faults.is_down() && !control::has(&request.path) {
        return Ok(None);
    }
    let client = match caller {
        Some(Caller::Client(client)) => Some(client),
        _ => None,
    };
    // Whether it lives, anybody may ask.
    if let Some(answer) = discovery::health(request) {
        return cut_off(shared, client, || healthy(shared, request, answer)).await;
    }
    let Some(caller) = caller else {
        drain(body).await;
        return Err(Failure::unauthorized());
    };
    let body = read_body(shared, body).await?;
    let Caller::Client(client) = caller else {
        return match control::has(&request.path) {
            true => plain(control::answer(shared, request, &body)?, request).map(Some),
            false => Err(Failure::new(
                403,
                "Forbidden",
                "the control token opens nothing but the control endpoint",
            )),
        };
    };
    let (target, accepted) = match understand(request) {
        Ok(Some(understood)) => understood,
        Ok(None) => return cut_off(shared, Some(client), || document(request)).await,
        Err(failure) => return cut_off(shared, Some(client), || Err(failure)).await,
    };
    if request.method == "GET" && watches(request, &target) {
        let fate = shared.faults.fate(client, None);
        if fate.refused {
            return Ok(None);
        }
        passage::pass(shared, &fate.request).await;
        let response = watch(shared, client, request, &target);
        passage::pass(shared, &fate.response).await;
        return response.map(Some);
    }
    let kind = Some(target.kind);
    let passage = Passage { shared: Arc::clone(shared), client, request: Arc::clone(request), target, body };
    match passage.travel().await {
        Ended::Refused | Ended::Never => Ok(None),
        Ended::Answered(answer) => Ok(Some(to_http(accepted.reply(answer?, kind, request)?))),
    }
}

/// What is no request for objects, or none that is understood: on its way it suffers the cuts of its client, and nothing else.
async fn cut_off(
    shared: &Shared,
    client: Option<usize>,
    answer: impl FnOnce() -> Result<Response<ReplyBody>, Failure>,
) -> Result<Option<Response<ReplyBody>>, Failure> {
    let fate = client.map(|client| shared.faults.fate_of_document(client)).unwrap_or_default();
    if fate.refused {
        return Ok(None);
    }
    passage::pass(shared, &fate.request).await;
    let answer = answer();
    passage::pass(shared, &fate.response).await;
    answer.map(Some)
}

fn plain(answer: Answer, request: &Request) -> Result<Response<ReplyBody>, Failure> {
    Ok(to_http(Accepted::or_json(request).reply(answer, None, request)?))
}

fn healthy(shared: &Shared, request: &Request, answer: Answer) -> Result<Response<ReplyBody>, Failure> {
    if shared.faults.storage_is_out() {
        let check = request.path.trim_start_matches('/');
        let text = format!("[+]ping ok\n[-]etcd failed: reason withheld\n{check} check failed\n");
        return Err(Failure::text(500, text));
    }
    plain(answer, request)
}

fn document(request: &Request) -> Result<Response<ReplyBody>, Failure> {
    let answer = discovery::answer(request)?;
    if matches!(answer.content, Content::Document(_)) {
        Accepted::of(request, false)?;
    }
    plain(answer, request)
}

/// Which objects a request is for, if for any, and the form of the answer.
fn understand(request: &Request) -> Result<Option<(Target, Accepted)>, Failure> {
    let Some(target) = Target::find(&request.path)? else { return Ok(None) };
    if !["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&request.method.as_str()) {
        return Err(Failure::method_not_allowed());
    }
    request.check_timeout()?;
    Accepted::any(request, request.method == "GET" && (target.name.is_none() || target.is_watch))?;
    if target.is_watch && request.method != "GET" {
        return Err(Failure::method_not_allowed());
    }
    let accepted = Accepted::of(request, true)?;
    Ok(Some((target, accepted)))
}

/// Whether it is a watch: by the path itself, as clients did it long ago, or by the query.
fn watches(request: &Request, target: &Target) -> bool {
    target.is_watch || (target.name.is_none() && request.query.flag("watch") == Some(true))
}

async fn read_body(shared: &Shared, body: Incoming) -> Result<Bytes, Failure> {
    let limit = shared.limits.body_bytes;
    let collected = timeout(shared.limits.body_within, Limited::new(body, limit).collect()).await;
    match collected {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(Failure::too_large(limit)),
        Ok(Err(error)) => Err(Failure::bad_request(format!("the body could not be read: {error}"))),
        Err(_) => Err(Failure::text(408, "the body took too long\n")),
    }
}

/// Takes what an unknown caller sends, and keeps nothing: a connection is closed early where a body is left unread.
async fn drain(mut body: Incoming) {
    const BYTES_MAX: usize = 256 << 10;
    const WITHIN: Duration = Duration::from_secs(1);
    let all_of_it = async {
        let mut bytes = 0;
        while let Some(Ok(frame)) = body.frame().await {
            bytes += frame.data_ref().map_or(0, Bytes::len);
            if bytes > BYTES_MAX {
                break;
            }
        }
    };
    let _some_take_long = timeout(WITHIN, all_of_it).await;
}

fn watch(
    shared: &Arc<Shared>,
    client: usize,
    request: &Request,
    target: &Target,
) -> Result<Response<ReplyBody>, Failure> {
    let watch = Watch::begin(request, target)?;
    let before = shared.watchers.fetch_add(1, Ordering::Relaxed);
    let seat = Seat(Arc::clone(shared));
    if before >= shared.limits.watchers {
        return Err(Failure::too_many_requests());
    }
    let content_type = watch.content_type();
    let (sender, events) = mpsc::channel(WATCH_BATCHES_MAX);
    tokio::spawn(feed(Arc::clone(shared), client, watch, sender, seat));
    let mut response = Response::new(ReplyBody::Events(events));
    set_headers(&mut response, content_type);
    Ok(response)
}

/// A watcher's place among those that there may be.
struct Seat(Arc<Shared>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Tells a watcher what happens, until it or the server goes, or its time is over.
async fn feed(shared: Arc<Shared>, client: usize, mut watch: Watch, sender: mpsc::Sender<Bytes>, seat: Seat) {
    let mut revisions = shared.revisions();
    let mut stopping = shared.stopping.subscribe();
    let lasts = watch.timeout_seconds.map_or(Duration::from_secs(3_600), Duration::from_secs);
    let end = tokio::time::sleep(lasts);
    tokio::pin!(end);
    let mut bookmarks = tokio::time::interval(BOOKMARK_EVERY);
    bookmarks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    bookmarks.reset();
    let mut bookmark_is_due = false;
    loop {
        tokio::select! {
            () = shared.faults.wait_for_way_to(client) => {}
            () = &mut end => break,
            () = sender.closed() => break,
            () = stopped(&mut stopping) => break,
        }
        revisions.borrow_and_update();
        let step = watch.step(&shared.store());
        let (mut bytes, is_last) = match step {
            Step::Events(bytes) => (bytes, false),
            Step::Failed(bytes) => (bytes, true),
        };
        if bookmark_is_due && !is_last {
            bytes.extend(watch.bookmark());
        }
        if !send(&shared, &sender, bytes).await || is_last {
            break;
        }
        bookmark_is_due = tokio::select! {
            changed = revisions.changed() => match changed {
                Ok(()) => false,
                Err(_) => break,
            },
            _ = bookmarks.tick() => true,
            () = stopped(&mut stopping) => break,
            () = &mut end => break,
            () = sender.closed() => break,
        };
    }
    drop(seat);
}

/// Until the server stops.
async fn stopped(stopping: &mut tokio::sync::watch::Receiver<bool>) {
    // Its sender is gone: then so is the server.
    drop(stopping.wait_for(|&stopping| stopping).await);
}

/// Sends to a watcher; false if it is gone or too slow.
async fn send(shared: &Shared, sender: &mpsc::Sender<Bytes>, bytes: Vec<u8>) -> bool {
    bytes.is_empty()
        || timeout(shared.limits.send_within, sender.send(bytes.into())).await.is_ok_and(|sent| sent.is_ok())
}

fn to_http(reply: Reply) -> Response<ReplyBody> {
    let Reply { code, content_type, body, warnings, retry_after_seconds } = reply;
    let mut response = Response::new(ReplyBody::Full(Some(body.into())));
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    set_headers(&mut response, content_type);
    let mut bytes = 0;
    for warning in warnings {
        bytes += warning.len();
        if bytes > WARNINGS_BYTES_MAX {
            break;
        }
        warn(&mut response, &warning);
    }
    if let Some(seconds) = retry_after_seconds {
        response.headers_mut().insert(hyper::header::RETRY_AFTER, seconds.into());
    }
    response
}

fn warn(response: &mut Response<ReplyBody>, warning: &str) {
    let escaped = warning.replace('\\', "\\\\").replace('"', "\\\"");
    if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{escaped}\"")) {
        response.headers_mut().append(hyper::header::WARNING, value);
    }
}

fn set_headers(response: &mut Response<ReplyBody>, content_type: &'static str) {
    let headers = response.headers_mut();
    headers.insert(hyper::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(hyper::header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
}
