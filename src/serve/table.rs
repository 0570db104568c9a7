//! Objects as `Table`s, which is how `kubectl get` asks for them.

use super::columns::{self, Column};
use super::failure::Failure;
use super::request::Request;
use super::schema::Kind;
use super::time;
use crate::core::WallTime;
use crate::store::Tree;

fn columns(kind: &Kind) -> &'static [Column] {
    match kind.plural {
        "leases" => &columns::LEASES,
        "configmaps" => &columns::CONFIG_MAPS,
        "endpoints" => &columns::ENDPOINTS,
        "namespaces" => &columns::NAMESPACES,
        _ => &columns::EVENTS,
    }
}

/// The table of some objects. `meta` is that of their list; a single object's is its own.
///
/// # Errors
/// 400: the rows are to include something unknown.
pub(crate) fn of(
    objects: &[Tree],
    meta: Option<Tree>,
    kind: &'static Kind,
    request: &Request,
    with_columns: bool,
) -> Result<Tree, Failure> {
    let include = request.query.get("includeObject");
    if !["", "Metadata", "Object", "None"].contains(&include) {
        let quoted = crate::store::text::Quoted(include);
        let message = format!(
            "Unable to convert to Table as requested: includeObject: Invalid value: {quoted}: must be 'Metadata', \
             'Object', 'None', or empty"
        );
        return Err(Failure::bad_request(message));
    }
    let now = super::now();
    let row = |object: &Tree| {
        let mut row = Tree::empty();
        row.set("cells", Tree::List(cells(object, kind, now)));
        row.set(
            "object",
            match include {
                "None" => Tree::Null,
                "Object" => super::codec::typed(object.clone(), kind.kind, &kind.api_version()),
                _ => metadata_of(object),
            },
        );
        row
    };
    let meta = meta.unwrap_or_else(|| {
        let mut meta = Tree::empty();
        let version = objects.first().map_or("", |object| object.text_at(&["metadata", "resourceVersion"]));
        meta.set("resourceVersion", Tree::text(version));
        meta
    });
    let mut table = Tree::empty();
    table.set("kind", Tree::text("Table"));
    table.set("apiVersion", Tree::text("meta.k8s.io/v1"));
    table.set("metadata", meta);
    table.set(
        "columnDefinitions",
        match with_columns {
            true => Tree::List(columns(kind).iter().map(definition).collect()),
            false => Tree::Null,
        },
    );
    table.set("rows", Tree::List(objects.iter().map(row).collect()));
    Ok(table)
}

/// An object's metadata as an object of its own.
pub(crate) fn metadata_of(object: &Tree) -> Tree {
    let mut tree = Tree::empty();
    tree.set("kind", Tree::text("PartialObjectMetadata"));
    tree.set("apiVersion", Tree::text("meta.k8s.io/v1"));
    tree.set("metadata", object.get("metadata").cloned().unwrap_or(Tree::empty()));
    tree
}

fn definition(column: &Column) -> Tree {
    let mut tree = Tree::empty();
    tree.set("name", Tree::text(column.name));
    // Also of numbers.
    tree.set("type", Tree::text("string"));
    tree.set("format", Tree::text(column.format));
    tree.set("description", Tree::text(column.description));
    tree.set("priority", Tree::number(column.priority));
    tree
}

fn cells(object: &Tree, kind: &Kind, now: WallTime) -> Vec<Tree> {
    let name = Tree::text(object.text_at(&["metadata", "name"]));
    let age = Tree::text(age(object.text_at(&["metadata", "creationTimestamp"]), now));
    match kind.plural {
        "leases" => vec![name, Tree::text(object.text_at(&["spec", "holderIdentity"])), age],
        "configmaps" => {
            let count = |field| object.get(field).map_or(0, |map| map.entries().len());
            let count = count("data") + count("binaryData");
            vec![name, Tree::number(i64::try_from(count).unwrap_or(i64::MAX)), age]
        }
        "endpoints" => vec![name, Tree::text(endpoints(object)), age],
        "namespaces" => vec![name, Tree::text(object.text_at(&["status", "phase"])), age],
        _ => event_cells(object, kind, now),
    }
}

fn endpoints(object: &Tree) -> String {
    let mut addresses = Vec::new();
    for subset in object.get("subsets").map(Tree::items).unwrap_or_default() {
        let ports = subset.get("ports").map(Tree::items).unwrap_or_default();
        for address in subset.get("addresses").map(Tree::items).unwrap_or_default() {
            let ip = address.text_at(&["ip"]);
            if ports.is_empty() {
                addresses.push(ip.to_owned());
            }
            let numbers = ports.iter().filter_map(|port| match port.get("port") {
                Some(Tree::Number(port)) => Some(format!("{ip}:{port}")),
                _ => None,
            });
            addresses.extend(numbers);
        }
    }
    const SHOWN_MAX: usize = 3;
    match addresses.len() {
        0 => "<none>".into(),
        n if n > SHOWN_MAX => format!("{} + {} more...", addresses[..SHOWN_MAX].join(","), n - SHOWN_MAX),
        _ => addresses.join(","),
    }
}

fn event_cells(object: &Tree, kind: &Kind, now: WallTime) -> Vec<Tree> {
    let is_core = kind.group.is_empty();
    let name = |core, other| if is_core { core } else { other };
    let of = name("involvedObject", "regarding");
    let first = object.text_at(&[name("firstTimestamp", "deprecatedFirstTimestamp")]);
    let last = object.text_at(&[name("lastTimestamp", "deprecatedLastTimestamp")]);
    let event_time = object.text_at(&["eventTime"]);
    let seen = |stamp: &str| match (stamp, event_time) {
        ("", "") => "<unknown>".into(),
        ("", stamp) | (stamp, _) => age(stamp, now),
    };
    let kind_of = object.text_at(&[of, "kind"]).to_lowercase();
    let about = object.text_at(&[of, "name"]);
    let involved = if about.is_empty() { kind_of } else { format!("{kind_of}/{about}") };
    let source = [name("source", "deprecatedSource")];
    let component = object.text_at(&[source[0], "component"]);
    let reporter = object.text_at(&[name("reportingComponent", "reportingController")]);
    let count = object.get(name("count", "deprecatedCount")).cloned().unwrap_or(Tree::number(1));
    vec![
        Tree::text(seen(last)),
        Tree::text(object.text_at(&["type"])),
        Tree::text(object.text_at(&["reason"])),
        Tree::text(involved),
        Tree::text(object.text_at(&[of, "fieldPath"])),
        Tree::text(if component.is_empty() { reporter } else { component }),
        Tree::text(object.text_at(&[name("message", "note")]).trim()),
        Tree::text(seen(first)),
        count,
        Tree::text(object.text_at(&["metadata", "name"])),
    ]
}

/// How long ago, as the server puts it: at most two units.
fn age(stamp: &str, now: WallTime) -> String {
    let Ok(at) = time::parse_second(stamp) else { return "<unknown>".into() };
    let secs = (now.as_micros() - at.as_micros()).div_euclid(1_000_000);
    let (minutes, hours, days) = (secs / 60, secs / 3_600, secs / 86_400);
    let two = |large: i64, unit: &str, small: i64, sub: &str| match small {
        0 => format!("{large}{unit}"),
        _ => format!("{large}{unit}{small}{sub}"),
    };
    match secs {
        ..-1 => "<invalid>".into(),
        -1 => "0s".into(),
        0..120 => format!("{secs}s"),
        120..600 => two(minutes, "m", secs % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, "d", hours % 24, "h"),
        691_200..63_072_000 => format!("{days}d"),
        63_072_000..252_288_000 => two(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_short() {
        let start = "2026-11-21T06:00:00Z";
        let at = |secs: i64| {
            WallTime::from_micros(time::parse_second(start).unwrap().as_micros() + secs * 1_000_000)
        };
        for (secs, text) in [
            (115, "115s"),
            (121, "2m1s"),
            (600, "10m"),
            (10_860, "3h1m"),
            (180_000, "2d2h"),
            (-5, "<invalid>"),
        ] {
            assert_eq!(age(start, at(secs)), text);
        }
    }
}
