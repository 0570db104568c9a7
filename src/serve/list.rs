//! LIST, with selectors, pages and snapshots.

use smol_str::SmolStr;

use super::answer::{Answer, Content};
use super::base64;
use super::codec::{self, Served};
use super::failure::{BadOption, Failure};
use super::json;
use super::request::Query;
use super::selector::{Selector, field_of};
use super::verbs::Call;
use crate::store::text::Quoted;
use crate::store::{Object, Revision, RevisionClaim, Store, StoreError, Tree};

pub(crate) fn list<S: Served>(call: &Call<'_>, store: &Store) -> Result<Answer, Failure> {
    let Part { meta, items } = page::<S>(call, store)?;
    let items = items.iter().map(|object| codec::bare(object, call.target.kind)).collect();
    Ok(Answer::ok(Content::List(meta, items)))
}

/// A part of a list: its metadata and its objects.
pub(crate) struct Part<S: Served> {
    pub(crate) meta: Tree,
    pub(crate) items: Vec<Object<S>>,
}

/// The page that a request asks for.
///
/// # Errors
/// Its parameters are malformed (400 or 422), or what it asks for is gone (410) or yet to come (504).
pub(crate) fn page<S: Served>(call: &Call<'_>, store: &Store) -> Result<Part<S>, Failure> {
    let query = &call.request.query;
    let selector = Selector::read(query, call.target.kind)?;
    let page = Page::read(query)?;
    let namespace = call.target.namespace.as_deref();
    let (revision, items, is_live) = snapshot::<S>(store, namespace, &page)?;
    let kind = call.target.kind;
    let start = page.token.as_ref().map_or("", |token| &token.start);
    let after = |object: &&Object<S>| start.is_empty() || key(object, namespace).as_str() >= start;
    let takes = |object: &&Object<S>| {
        selector.takes(&object.meta, |path| field_of(&codec::bare(*object, kind), path))
    };
    let mut selected = items.iter().filter(after).filter(takes);
    let limit = page.limit.unwrap_or(usize::MAX);
    let shown: Vec<&Object<S>> = selected.by_ref().take(limit).collect();
    let remaining = selected.count();
    let mut meta = Tree::empty();
    meta.set("resourceVersion", Tree::text(revision.to_string()));
    if let (true, Some(last)) = (remaining > 0, shown.last()) {
        // A page of no snapshot goes on without one.
        let rv =
            if is_live && page.token.is_some() { -1 } else { i64::try_from(revision.get()).unwrap_or(-1) };
        meta.set(
            "continue",
            Tree::text(Token { rv, start: format!("{}\0", key(last, namespace)) }.to_text()),
        );
        if selector.is_empty() {
            meta.set("remainingItemCount", Tree::number(i64::try_from(remaining).unwrap_or(i64::MAX)));
        }
    }
    let items = shown.into_iter().cloned().collect();
    Ok(Part { meta, items })
}

/// The objects to choose from, their revision, and whether they are the present ones.
type Snapshot<'a, S> = (Revision, std::borrow::Cow<'a, [Object<S>]>, bool);

fn snapshot<'a, S: Served>(
    store: &'a Store,
    namespace: Option<&str>,
    page: &Page,
) -> Result<Snapshot<'a, S>, Failure> {
    let past = match (&page.token, page.exactly) {
        (Some(token), _) => u64::try_from(token.rv).ok().map(Revision::new),
        (None, exactly) => exactly,
    };
    let Some(revision) = past else {
        let list = store.list::<S>(namespace);
        return Ok((list.revision, list.items.into(), true));
    };
    match store.list_as_of::<S>(namespace, revision) {
        Ok(items) => Ok((revision, items.into(), false)),
        Err(StoreError::ReadExpired) if page.token.is_some() => Err(expired(page)),
        Err(error) => Err(error.into()),
    }
}

/// A page whose snapshot is gone: the refusal says how to go on without one.
fn expired(page: &Page) -> Failure {
    let message = "The provided continue parameter is too old to display a consistent list result. You can start a new \
        list without the continue parameter, or use the continue token in this response to retrieve the remainder of the \
        results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, \
        or deleted between the time the first chunk was returned and now may show up in the list.";
    let start = page.token.as_ref().map(|token| token.start.clone()).unwrap_or_default();
    let mut failure = Failure::new(410, "Expired", message);
    failure.aside.continues = Some(Token { rv: -1, start }.to_text());
    failure
}

/// The key of an object below that of the list.
fn key<S>(object: &Object<S>, namespace: Option<&str>) -> SmolStr {
    match namespace {
        Some(_) => smol_str::format_smolstr!("/{}", object.meta.name),
        None => smol_str::format_smolstr!("/{}/{}", object.meta.namespace, object.meta.name),
    }
}

/// Which part of a list is asked for.
struct Page {
    limit: Option<usize>,
    token: Option<Token>,
    exactly: Option<Revision>,
}

impl Page {
    fn read(query: &Query) -> Result<Self, Failure> {
        query.number("timeoutSeconds")?;
        let limit = query.number("limit")?.and_then(|n| usize::try_from(n).ok()).filter(|&n| n > 0);
        let (version, how) = (query.get("resourceVersion"), query.get("resourceVersionMatch"));
        let continued = query.get("continue");
        check_match(version, how, continued, query.find("sendInitialEvents").is_some())?;
        if !continued.is_empty() && !["", "0"].contains(&version) {
            let message = "specifying resource version is not allowed when using continue";
            return Err(Failure::bad_request(message));
        }
        let claim = check_readable(version, 400)?;
        let token = match continued {
            "" => None,
            text => Some(Token::parse(text)?),
        };
        // What the cache answers, it answers at once and in full.
        let limit = if version == "0" && token.is_none() { None } else { limit };
        let exactly = match claim {
            RevisionClaim::At(revision) if how == "Exact" => Some(revision),
            _ => None,
        };
        Ok(Self { limit, token, exactly })
    }
}

/// Reads the resourceVersion of a GET or LIST; `code` is what one that is no number costs.
pub(crate) fn check_readable(text: &str, code: u16) -> Result<RevisionClaim, Failure> {
    match RevisionClaim::parse(text) {
        RevisionClaim::Unreadable(_) => Err(unreadable(text, code)),
        claim => Ok(claim),
    }
}

pub(crate) fn unreadable(text: &str, code: u16) -> Failure {
    let quoted = Quoted(text);
    let why = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        "value out of range"
    } else {
        "invalid syntax"
    };
    let message =
        format!("resourceVersion: Invalid value: {quoted}: strconv.ParseUint: parsing {quoted}: {why}");
    let reason = if code == 400 { "BadRequest" } else { "" };
    let message = match code {
        400 => format!("invalid resource version: {message}"),
        _ => message,
    };
    Failure::new(code, reason, message)
}

fn check_match(version: &str, how: &str, continued: &str, initial_events: bool) -> Result<(), Failure> {
    let mut errors = Vec::new();
    let mut forbid = |field: &'static str, why: &str| {
        let message = format!("Forbidden: {why}");
        errors.push(BadOption { field, reason: "FieldValueForbidden", message });
    };
    const FIELD: &str = "resourceVersionMatch";
    if !how.is_empty() {
        if version.is_empty() {
            forbid(FIELD, "resourceVersionMatch is forbidden unless resourceVersion is provided");
        }
        if !continued.is_empty() {
            forbid(FIELD, "resourceVersionMatch is forbidden when continue is provided");
        }
        if how == "Exact" && version == "0" {
            forbid(FIELD, "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
        }
    }
    if initial_events {
        forbid("sendInitialEvents", "sendInitialEvents is forbidden for list");
    }
    if !["", "Exact", "NotOlderThan"].contains(&how) {
        let quoted = Quoted(how);
        let message =
            format!("Unsupported value: {quoted}: supported values: \"Exact\", \"NotOlderThan\", \"\"");
        errors.push(BadOption { field: FIELD, reason: "FieldValueNotSupported", message });
    }
    if errors.is_empty() { Ok(()) } else { Err(Failure::invalid_options("ListOptions", &errors)) }
}

/// Where the next page begins, and of which snapshot; -1: of none.
struct Token {
    rv: i64,
    start: String,
}

impl Token {
    fn to_text(&self) -> String {
        let mut tree = Tree::empty();
        tree.set("v", Tree::text("meta.k8s.io/v1"));
        tree.set("rv", Tree::number(self.rv));
        tree.set("start", Tree::text(self.start.as_str()));
        base64::encode_url(json::to_string(&tree).as_bytes())
    }

    fn parse(text: &str) -> Result<Self, Failure> {
        let bad = |why: &str| {
            Failure::bad_request(format!("invalid continue token: continue key is not valid: {why}"))
        };
        let bytes =
            base64::decode_url(text).map_err(|at| bad(&format!("illegal base64 data at input byte {at}")))?;
        let tree = json::parse(&bytes).map_err(|why| bad(&why))?;
        if tree.text_at(&["v"]) != "meta.k8s.io/v1" {
            let version = tree.text_at(&["v"]);
            return Err(bad(&format!("server does not recognize this encoded version {version}")));
        }
        let rv = match tree.get("rv") {
            Some(Tree::Number(text)) => text.parse().unwrap_or(0),
            _ => 0,
        };
        if rv == 0 {
            return Err(bad("incorrect encoded start resourceVersion (version meta.k8s.io/v1)"));
        }
        let start = tree.text_at(&["start"]);
        if start.is_empty() {
            return Err(bad("encoded start key empty (version meta.k8s.io/v1)"));
        }
        if start.split('/').any(|part| part == "..") {
            return Err(bad(start));
        }
        let start = if start.starts_with('/') { start.to_owned() } else { format!("/{start}") };
        Ok(Self { rv, start })
    }
}
