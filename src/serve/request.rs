//! A request, taken apart: which verb, which kind, which object, with which parameters.

use smol_str::SmolStr;

use super::failure::Failure;
use super::schema::{KINDS, Kind};

/// What of an HTTP request matters here.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Query,
    pub(crate) accept: String,
    /// Empty if absent.
    pub(crate) content_type: String,
    pub(crate) user_agent: String,
}

impl Request {
    /// Looks at the `timeout` parameter, a duration such as `1m30s`.
    ///
    /// # Errors
    /// 400: it is none.
    pub(crate) fn check_timeout(&self) -> Result<(), Failure> {
        let text = self.query.get("timeout");
        if text.is_empty() || text == "0" || is_duration(text.strip_prefix(['-', '+']).unwrap_or(text)) {
            return Ok(());
        }
        let quoted = crate::store::text::Quoted(text);
        let message =
            format!("invalid timeout specified in the request URL - time: invalid duration {quoted}");
        Err(Failure::bad_request(message))
    }
}

/// Whether a text is numbers with units, one after another.
fn is_duration(mut text: &str) -> bool {
    const UNITS: [&str; 7] = ["ns", "us", "µs", "ms", "s", "m", "h"];
    let mut any = false;
    while !text.is_empty() {
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, rest) = text.split_at(digits);
        let unit = UNITS.iter().filter(|unit| rest.starts_with(**unit)).max_by_key(|unit| unit.len());
        let (Ok(_), Some(unit)) = (number.parse::<f64>(), unit) else { return false };
        text = &rest[unit.len()..];
        any = true;
    }
    any
}

/// The parameters after the question mark, decoded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';'));
        Self(
            pairs
                .filter_map(|pair| {
                    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                    Some((decode(key, true)?, decode(value, true)?))
                })
                .collect(),
        )
    }

    /// The first value of a parameter; empty if it is absent.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.find(name).unwrap_or("")
    }

    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A flag as the server reads it: everything but `false` and `0` is true, also nothing at all after the name.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.find(name).map(|value| !matches!(value.to_ascii_lowercase().as_str(), "false" | "0"))
    }

    /// A whole number.
    ///
    /// # Errors
    /// 400: the value is none.
    pub(crate) fn number(&self, name: &str) -> Result<Option<i64>, Failure> {
        let Some(value) = self.find(name) else { return Ok(None) };
        value.parse().map(Some).map_err(|_| {
            let digits = value.strip_prefix(['+', '-']).unwrap_or(value);
            let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            let why = if is_number { "value out of range" } else { "invalid syntax" };
            let quoted = crate::store::text::Quoted(value);
            Failure::bad_request(format!("strconv.ParseInt: parsing {quoted}: {why}"))
        })
    }
}

/// Decodes percent signs (and, in queries, plus signs); nothing if that is impossible.
pub(crate) fn decode(text: &str, plus_is_space: bool) -> Option<String> {
    if !text.contains(['%', '+']) {
        return Some(text.into());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                u8::try_from(high << 4 | low).ok()?
            }
            b'+' if plus_is_space => b' ',
            byte => byte,
        });
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// What a path of the API leads to.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) kind: &'static Kind,
    /// `None`: all of them.
    pub(crate) namespace: Option<SmolStr>,
    /// `None`: the collection.
    pub(crate) name: Option<SmolStr>,
    /// The path itself says that it is a watch, as clients did long ago.
    pub(crate) is_watch: bool,
}

impl Target {
    /// Finds what a path leads to; `None` if it does not lead to objects.
    ///
    /// # Errors
    /// 404 in one of three forms: for a group, a resource or a subresource that is unknown.
    pub(crate) fn find(path: &str) -> Result<Option<Self>, Failure> {
        // A slash is one, also where it was written in percent signs.
        let path = decode(path, false).unwrap_or_default();
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let (group, version, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return Ok(None),
        };
        let rest = rest.strip_suffix(&[""]).unwrap_or(rest);
        if rest.is_empty() {
            return Ok(None);
        }
        if !KINDS.iter().any(|kind| kind.group == group && kind.version == version) {
            let is_known = KINDS.iter().any(|kind| kind.group == group);
            return Err(if is_known { Failure::no_such_resource() } else { Failure::no_such_path() });
        }
        let (is_watch, rest) = match rest {
            ["watch", rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        let find = |plural: &str, namespaced: bool| {
            let fits = |kind: &&&Kind| {
                kind.group == group
                    && kind.version == version
                    && kind.plural == plural
                    && kind.namespaced == namespaced
            };
            KINDS.iter().find(fits).copied().ok_or_else(Failure::no_such_resource)
        };
        let target = |kind, namespace: Option<&str>, name: Option<&str>| {
            Some(Self { kind, namespace: namespace.map(Into::into), name: name.map(Into::into), is_watch })
        };
        Ok(match rest {
            ["namespaces"] => target(find("namespaces", false)?, None, None),
            ["namespaces", name] => target(find("namespaces", false)?, None, Some(name)),
            ["namespaces", namespace, plural] => target(find(plural, true)?, Some(namespace), None),
            ["namespaces", namespace, plural, name] => {
                target(find(plural, true)?, Some(namespace), Some(name))
            }
            [plural] => target(find(plural, true)?, None, None),
            _ => return Err(Failure::no_such_resource()),
        })
    }
}

impl Target {
    /// Checks what no object could be called by the way that it is stored.
    ///
    /// # Errors
    /// 400: it is no name.
    pub(crate) fn check_name(&self) -> Result<(), Failure> {
        let name = self.name.as_deref().unwrap_or("");
        let why = match name {
            "." | ".." => format!("may not be '{name}'"),
            _ if name.contains('%') => "may not contain '%'".into(),
            _ => return Ok(()),
        };
        let quoted = crate::store::text::Quoted(name);
        Err(Failure::bad_request(format!("Name parameter invalid: {quoted}: {why}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_objects() {
        let target = Target::find("/apis/coordination.k8s.io/v1/namespaces/a%2Db/leases/n").unwrap().unwrap();
        assert_eq!((target.kind.plural, target.namespace.as_deref()), ("leases", Some("a-b")));
        assert_eq!(target.name.as_deref(), Some("n"));
        assert!(Target::find("/api/v1/watch/namespaces/x/events").unwrap().unwrap().is_watch);
        assert!(Target::find("/api/v1").unwrap().is_none());
        assert!(Target::find("/version").unwrap().is_none());
        for (path, message) in [
            ("/apis/nope/v1/leases", "404 page not found\n"),
            ("/apis/coordination.k8s.io/v1/pods", "the server could not find the requested resource"),
            ("/api/v1/namespaces/d/events/n/status", "the server could not find the requested resource"),
        ] {
            assert_eq!(Target::find(path).unwrap_err().message, message);
        }
    }

    #[test]
    fn queries_are_decoded() {
        let query = Query::parse("a=1&b=x%3Dy+z&&watch&limit=x");
        assert_eq!((query.get("a"), query.get("b"), query.flag("watch")), ("1", "x=y z", Some(true)));
        assert!(query.number("limit").is_err());
        assert_eq!(query.flag("c"), None);
    }
}
