//! Entry points for fuzzing: what a client can send, without a network. None of them may panic.

use super::answer::{Accepted, refusal};
use super::request::{Query, Request, Target};
use super::verbs::Call;
use super::watch::Watch;
use crate::core::WallTime;
use crate::store::{Incoming, LeaseSpec, Store, StoreOptions};

/// A request: a line with method and path, a line with Content-Type and Accept (apart by a bar), and the body. It is made
/// twice, so that the second meets what the first left.
pub fn request(data: &[u8]) {
    let mut store = store();
    let (head, rest) = line(data);
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
    for _ in 0..2 {
        make(&mut store, &request, body);
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
    let mut store = store();
    for manager in
        ["", "fieldManager=a", "fieldManager=b", "fieldManager=b&force=true", "fieldValidation=Strict"]
    {
        request.query = Query::parse(manager);
        make(&mut store, &request, body);
    }
    let broken = store.check_invariants();
    assert!(broken.is_ok(), "{broken:?}");
}

fn store() -> Store {
    let mut store = Store::new(StoreOptions::cluster());
    let spec = LeaseSpec { holder_identity: Some("a".into()), ..LeaseSpec::default() };
    let _created = store.create("default", Incoming::new("n", spec), WallTime::default());
    store
}

fn make(store: &mut Store, request: &Request, body: &[u8]) {
    let Ok(Some(target)) = Target::find(&request.path) else {
        let _answer = super::discovery::answer(request);
        return;
    };
    if request.method == "GET"
        && let Ok(mut watch) = Watch::begin(request, &target)
    {
        let _events = watch.step(store);
    }
    let call = Call { request, target: &target, body, now: WallTime::default() };
    match (call.perform(store), Accepted::of(request, true)) {
        (Ok(answer), Ok(accepted)) => _ = accepted.reply(answer, Some(target.kind), request),
        (Err(failure), _) | (_, Err(failure)) => _ = refusal(&failure, request),
    }
}

/// The first line as text, and what follows it.
fn line(data: &[u8]) -> (String, &[u8]) {
    let end = data.iter().position(|&byte| byte == b'\n').unwrap_or(data.len());
    let rest = data.get(end + 1..).unwrap_or_default();
    (String::from_utf8_lossy(&data[..end]).into_owned(), rest)
}
