//! Entry points for fuzzing: what a client can send. None of them may panic, and what they answer must agree with
//! simple, slow readings of the standards (`oracle`).

mod http;
mod oracle;

use super::answer::{Accepted, Content, Reply, refusal};
use super::request::{Query, Request, Target};
use super::verbs::Call;
use super::watch::Watch;
use crate::core::WallTime;
use crate::store::{Incoming, LeaseSpec, Store, StoreOptions};

/// A request: a line with method and path, a line with Content-Type and Accept (apart by a bar), and the body. It is made
/// twice, so that the second meets what the first left. Where the first line ends in `HTTP/1.1` it is all that comes over
/// one connection, byte by byte; the token is `t`.
pub fn request(data: &[u8]) {
    let (head, rest) = line(data);
    if head.trim_end().ends_with("HTTP/1.1") {
        return http::connection(data);
    }
    let mut store = store();
    let (types, body) = line(rest);
    let (method, url) = head.split_once(' ').unwrap_or(("GET", &head));
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let (content_type, accept) = types.split_once('|').unwrap_or((&types, ""));
    let request = Request {
        method: method.into(),
        path: path.into(),
        query: Query::parse(query),
        accept: accept.into(),
        content_type: content_type.into(),
        user_agent: "fuzz/1".into(),
    };
    oracle::json(body);
    for _ in 0..2 {
        look_ahead(&store, &request, body);
        let _reply = make(&mut store, &request, body);
    }
    let broken = store.check_invariants();
    assert!(broken.is_ok(), "{broken:?}");
}

/// A patch: a line with the format (`json`, `merge`, `strategic` or `apply`), and the patch.
pub fn patch(data: &[u8]) {
    let (format, body) = line(data);
    let content_type = match &*format {
        "json" => "application/json-patch+json",
        "strategic" => "application/strategic-merge-patch+json",
        "apply" => "application/apply-patch+yaml",
        _ => "application/merge-patch+json",
    };
    let mut request = Request {
        method: "PATCH".into(),
        path: "/apis/coordination.k8s.io/v1/namespaces/default/leases/n".into(),
        content_type: content_type.into(),
        ..Request::default()
    };
    oracle::patches(body);
    let mut store = store();
    for options in
        ["", "fieldManager=a", "fieldManager=b", "fieldManager=b&force=true", "fieldValidation=Strict"]
    {
        request.query = Query::parse(options);
        let first = make(&mut store, &request, body);
        if matches!(&*format, "json" | "strategic") || memmem(body, b"managedFields") {
            continue;
        }
        // Who says the same again changes nothing.
        let second = make(&mut store, &request, body);
        if let (Some(first @ Reply { code: 200, .. }), Some(second @ Reply { code: 200, .. })) =
            (first, second)
        {
            let text = |reply: Reply| String::from_utf8_lossy(&reply.body).into_owned();
            assert_eq!(text(first), text(second), "the same patch twice");
        }
    }
    request.query = Query::parse("fieldManager=b");
    look_ahead(&store, &request, body);
    let broken = store.check_invariants();
    assert!(broken.is_ok(), "{broken:?}");
}

fn memmem(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

fn store() -> Store {
    let mut store = Store::new(StoreOptions::cluster());
    let spec = LeaseSpec { holder_identity: Some("a".into()), ..LeaseSpec::default() };
    let _created = store.create("default", Incoming::new("n", spec), WallTime::default());
    store
}

/// Whether looking ahead changes nothing of a write.
fn look_ahead(store: &Store, request: &Request, body: &[u8]) {
    if let (Ok(Some(target)), "PUT" | "PATCH") = (Target::find(&request.path), request.method.as_str()) {
        let call = Call::new(request, &target, body, WallTime::default());
        oracle::looks(&call, store, &self::store());
    }
}

/// The reply to a request, unless it is for no objects.
fn make(store: &mut Store, request: &Request, body: &[u8]) -> Option<Reply> {
    let Ok(Some(target)) = Target::find(&request.path) else {
        let _answer = super::discovery::answer(request);
        return None;
    };
    if request.method == "GET"
        && let Ok(mut watch) = Watch::begin(request, &target)
    {
        let _events = watch.step(store);
    }
    let call = Call::new(request, &target, body, WallTime::default());
    let reply = match (call.perform(store), Accepted::of(request, true)) {
        (Ok(answer), Ok(accepted)) => {
            match &answer.content {
                Content::Object(object) => oracle::protobuf(object, target.kind),
                Content::Stored(object) => oracle::protobuf(&object.print(), target.kind),
                _ => {}
            }
            let reply = accepted.reply(answer, Some(target.kind), request);
            reply.unwrap_or_else(|failure| refusal(&failure, request))
        }
        (Err(failure), _) | (_, Err(failure)) => refusal(&failure, request),
    };
    if reply.content_type == super::answer::JSON {
        oracle::answer(&reply.body);
    }
    Some(reply)
}

/// The first line as text, and what follows it.
fn line(data: &[u8]) -> (String, &[u8]) {
    let end = data.iter().position(|&byte| byte == b'\n').unwrap_or(data.len());
    let rest = data.get(end + 1..).unwrap_or_default();
    (String::from_utf8_lossy(&data[..end]).into_owned(), rest)
}
