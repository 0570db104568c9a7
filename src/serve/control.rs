//! The control endpoint: faults switched on and off, with a token of its own.
//!
//! | request | what it does |
//! | --- | --- |
//! | `GET /control/faults` | lists the faults under way |
//! | `POST /control/faults` | begins the fault of the body, written as in a scenario file, but for when and how often: at once, and once |
//! | `DELETE /control/faults` | ends all |
//! | `DELETE /control/faults/ID` | ends one |

use std::path::Path;
use std::sync::Arc;

use super::answer::{Answer, Content};
use super::body;
use super::failure::Failure;
use super::faults;
use super::json;
use super::request::Request;
use super::server::Shared;
use crate::scenario::{Format, Scenario};
use crate::sim::plan::{Draw, FaultPlan, Trigger};
use crate::store::Tree;

/// The path of the endpoint.
const PATH: &str = "/control/faults";

/// Whether a path is of the endpoint.
pub(crate) fn has(path: &str) -> bool {
    path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

pub(crate) fn answer(shared: &Arc<Shared>, request: &Request, body: &[u8]) -> Result<Answer, Failure> {
    let rest = request.path.strip_prefix(PATH).unwrap_or("/");
    match (request.method.as_str(), rest.trim_start_matches('/')) {
        ("GET", "") => Ok(Answer::ok(Content::Document(under_way(shared)))),
        ("POST", "") => begin(shared, body),
        ("DELETE", "") => {
            for active in shared.faults.active() {
                shared.end_fault(active.id);
            }
            Ok(Answer::ok(Content::Document(under_way(shared))))
        }
        ("DELETE", id) => {
            let ended = id.parse().is_ok_and(|id| shared.end_fault(id));
            if ended {
                Ok(Answer::ok(Content::Document(under_way(shared))))
            } else {
                Err(Failure::no_such_path())
            }
        }
        _ => Err(Failure::method_not_allowed()),
    }
}

fn under_way(shared: &Shared) -> Tree {
    let faults = shared.faults.active();
    let fault = |active: &faults::Active| {
        let names = shared.clients.all.iter().enumerate();
        let names = names
            .filter(|(index, _)| active.clients & (1 << index) != 0)
            .map(|(_, client)| client.name.clone());
        let mut tree = Tree::empty();
        tree.set("id", Tree::number(i64::try_from(active.id).unwrap_or(i64::MAX)));
        tree.set("name", Tree::Text(active.name.clone()));
        tree.set("clients", Tree::List(names.map(Tree::Text).collect()));
        tree
    };
    let mut list = Tree::empty();
    list.set("faults", Tree::List(faults.iter().map(fault).collect()));
    list
}

fn begin(shared: &Arc<Shared>, body: &[u8]) -> Result<Answer, Failure> {
    let fault = read(shared, body)?;
    if !matches!(fault.when, Trigger::At(Draw::Fixed(0))) || fault.every.is_some() {
        return Err(Failure::bad_request(
            "a fault that is posted begins at once, and once: leave out `at`, `when`, `after`, `every` and `times`",
        ));
    }
    let (id, wanted) = shared.faults.begin_now(&fault);
    shared.drive(wanted);
    let mut tree = Tree::empty();
    tree.set("id", Tree::number(i64::try_from(id).unwrap_or(i64::MAX)));
    Ok(Answer { code: 201, content: Content::Document(tree), warnings: Vec::new() })
}

/// A fault as it is written in a scenario, read as one of a scenario whose replicas are the clients.
fn read(shared: &Shared, body: &[u8]) -> Result<FaultPlan, Failure> {
    let mut fault = body::yaml(body).map_err(Failure::bad_request)?;
    if !matches!(fault, Tree::Map(_)) {
        return Err(Failure::bad_request("a fault is a map, such as {partition: {who: n1}, for: 5s}"));
    }
    if ["at", "when", "after"].iter().all(|key| fault.get(key).is_none()) {
        fault.set("at", Tree::text("0s"));
    }
    let mut nodes = Tree::empty();
    for (index, client) in shared.clients.all.iter().enumerate() {
        nodes.child(&format!("n{}", index + 1)).set("name", Tree::Text(client.name.clone()));
    }
    let mut scenario = Tree::empty();
    scenario.set("replicas", Tree::number(i64::try_from(shared.clients.all.len()).unwrap_or(1)));
    scenario.set("duration", Tree::text("10h"));
    scenario.set("nodes", nodes);
    scenario.set("faults", Tree::List(vec![fault]));
    let text = json::to_string(&scenario);
    let prepared = Scenario::parse(&text, Format::Yaml, "fault", Path::new(""), &[])
        .map_err(|error| Failure::bad_request(error.to_string()))?;
    let plan = prepared.settings.first().and_then(|setting| setting.plan());
    let plan = plan.ok_or_else(|| Failure::bad_request("that is no fault"))?;
    faults::check(plan).map_err(Failure::bad_request)?;
    plan.faults.first().cloned().ok_or_else(|| Failure::bad_request("that is no fault"))
}
