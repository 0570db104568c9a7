//! Label and field selectors.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::failure::Failure;
use super::request::Query;
use super::schema::Kind;
use crate::store::text::Quoted;
use crate::store::{Meta, Tree, bad_label_key, bad_label_value};

/// What a list, a watch or the deletion of a collection takes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<FieldRequirement>,
}

#[derive(Clone, Debug)]
struct Requirement {
    key: SmolStr,
    operator: Operator,
}

#[derive(Clone, Debug)]
enum Operator {
    Exists,
    Missing,
    In(Vec<SmolStr>),
    NotIn(Vec<SmolStr>),
    Greater(i64),
    Less(i64),
}

#[derive(Clone, Debug)]
struct FieldRequirement {
    path: SmolStr,
    value: SmolStr,
    equals: bool,
}

impl Selector {
    /// Reads `labelSelector` and `fieldSelector`.
    ///
    /// # Errors
    /// 400: one of them is malformed, or names a field that this kind cannot be selected by.
    pub(crate) fn read(query: &Query, kind: &Kind) -> Result<Self, Failure> {
        let labels = Labels { rest: query.get("labelSelector") }.parse();
        let labels = labels.map_err(Failure::bad_request)?;
        let fields = parse_fields(query.get("fieldSelector"))?;
        for field in &fields {
            check_selectable(&field.path, kind)?;
        }
        Ok(Self { labels, fields })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Takes nothing but the object of this name any more.
    pub(crate) fn only(&mut self, name: &SmolStr) {
        let (path, value) = (SmolStr::new_static("metadata.name"), name.clone());
        self.fields.push(FieldRequirement { path, value, equals: true });
    }

    /// Whether it takes an object; `field` gives the values of fields that are not metadata.
    pub(crate) fn takes(&self, meta: &Meta, field: impl Fn(&str) -> SmolStr) -> bool {
        let labels = &meta.extra().labels;
        self.labels.iter().all(|requirement| requirement.holds(labels))
            && self.fields.iter().all(|wanted| {
                let value = match wanted.path.as_str() {
                    "metadata.name" => meta.name.clone(),
                    "metadata.namespace" => meta.namespace.clone(),
                    path => field(path),
                };
                (value == wanted.value) == wanted.equals
            })
    }
}

/// The value of a field selector of an object with its fields as printed.
pub(crate) fn field_of(object: &Tree, path: &str) -> SmolStr {
    // What an Event's source selector looks at.
    let path = if path == "source" { "source.component" } else { path };
    let parts: Vec<_> = path.split('.').collect();
    object.text_at(&parts).into()
}

impl Requirement {
    fn holds(&self, labels: &BTreeMap<SmolStr, SmolStr>) -> bool {
        let value = labels.get(&self.key);
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        match &self.operator {
            Operator::Exists => value.is_some(),
            Operator::Missing => value.is_none(),
            Operator::In(values) => value.is_some_and(|value| values.contains(value)),
            Operator::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
            Operator::Greater(than) => number().is_some_and(|n| n > *than),
            Operator::Less(than) => number().is_some_and(|n| n < *than),
        }
    }
}

struct Labels<'a> {
    rest: &'a str,
}

impl<'a> Labels<'a> {
    fn parse(mut self) -> Result<Vec<Requirement>, String> {
        let mut requirements = Vec::new();
        if self.peek().is_empty() {
            return Ok(requirements);
        }
        loop {
            if !is_word(self.peek()) && self.peek() != "!" {
                return Err(format!("found '{}', expected: !, identifier, or 'end of string'", self.peek()));
            }
            let read = self.requirement().map_err(|why| format!("unable to parse requirement: {why}"));
            requirements.push(read?);
            match self.token() {
                "" => return Ok(requirements),
                "," => {
                    let next = self.peek();
                    if !is_word(next) && next != "!" {
                        return Err(format!("found '{next}', expected: identifier after ','"));
                    }
                }
                other => return Err(format!("found '{other}', expected: ',' or 'end of string'")),
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let is_missing = self.peek() == "!";
        if is_missing {
            self.token();
        }
        let key = self.token();
        if !is_word(key) {
            return Err(format!("found '{key}', expected: identifier"));
        }
        if let Some(why) = bad_label_key(key) {
            return Err(format!("<nil>: Invalid value: {}: {why}", Quoted(key)));
        }
        let key = SmolStr::new(key);
        if is_missing {
            return Ok(Requirement { key, operator: Operator::Missing });
        }
        let operator = match self.peek() {
            "" | "," => Operator::Exists,
            operator @ ("=" | "==" | "!=" | ">" | "<" | "in" | "notin") => {
                self.token();
                match operator {
                    "=" | "==" => Operator::In(vec![self.value()?]),
                    "!=" => Operator::NotIn(vec![self.value()?]),
                    ">" => Operator::Greater(self.integer()?),
                    "<" => Operator::Less(self.integer()?),
                    "in" => Operator::In(self.values()?),
                    _ => Operator::NotIn(self.values()?),
                }
            }
            other => return Err(format!("found '{other}', expected: in, notin, =, ==, !=, gt, lt")),
        };
        if let Operator::In(values) | Operator::NotIn(values) = &operator {
            for (at, value) in values.iter().enumerate() {
                if let Some(why) = bad_label_value(value) {
                    return Err(format!("values[{at}][{key}]: Invalid value: {}: {why}", Quoted(value)));
                }
            }
        }
        Ok(Requirement { key, operator })
    }

    fn value(&mut self) -> Result<SmolStr, String> {
        match self.peek() {
            "" | "," => Ok(SmolStr::default()),
            word if is_word(word) => Ok(self.token().into()),
            other => Err(format!("found '{other}', expected: identifier")),
        }
    }

    fn integer(&mut self) -> Result<i64, String> {
        let value = self.value()?;
        value.parse().map_err(|_| {
            let why = "for 'Gt', 'Lt' operators, the value must be an integer";
            format!("values[0]: Invalid value: {}: {why}", Quoted(&value))
        })
    }

    fn values(&mut self) -> Result<Vec<SmolStr>, String> {
        let open = self.token();
        if open != "(" {
            return Err(format!("found '{open}' expected: '('"));
        }
        let mut values = Vec::new();
        loop {
            match self.token() {
                ")" => return Ok(values),
                "," => {
                    if matches!(self.peek(), "," | ")") {
                        values.push(SmolStr::default());
                    }
                }
                word if is_word(word) => {
                    values.push(word.into());
                    if !matches!(self.peek(), "," | ")") {
                        return Err(format!("found '{}', expected: ',' or ')'", self.peek()));
                    }
                }
                "" if !values.is_empty() => return Err("found '', expected: ',', or identifier".into()),
                other => return Err(format!("found '{other}', expected: ',', ')' or identifier")),
            }
        }
    }

    fn peek(&self) -> &'a str {
        Self { rest: self.rest }.token()
    }

    /// The next word or sign; empty at the end.
    fn token(&mut self) -> &'a str {
        const SIGNS: &str = "=!(),<>";
        let text = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        let length = match text.as_bytes() {
            [] => 0,
            [b'=' | b'!', b'=', ..] => 2,
            _ if text.starts_with(|c| SIGNS.contains(c)) => 1,
            _ => text.find(|c: char| SIGNS.contains(c) || c.is_whitespace()).unwrap_or(text.len()),
        };
        let (token, rest) = text.split_at(length);
        self.rest = rest;
        token
    }
}

fn is_word(token: &str) -> bool {
    !token.is_empty() && !token.starts_with(['=', '!', '(', ')', ',', '<', '>'])
}

fn parse_fields(text: &str) -> Result<Vec<FieldRequirement>, Failure> {
    let mut fields = Vec::new();
    for part in split_unescaped(text) {
        if part.is_empty() {
            continue;
        }
        let found = part.find(['=', '!']).map(|at| part.split_at(at));
        let (path, value, equals) = match found {
            Some((path, rest)) if rest.starts_with("!=") => (path, &rest[2..], false),
            Some((path, rest)) if rest.starts_with("==") => (path, &rest[2..], true),
            Some((path, rest)) if rest.starts_with('=') => (path, &rest[1..], true),
            _ => {
                let message = format!("invalid selector: '{text}'; can't understand '{part}'");
                return Err(Failure::bad_request(message));
            }
        };
        let value = unescaped(value)?;
        fields.push(FieldRequirement { path: path.into(), value: value.into(), equals });
    }
    Ok(fields)
}

/// A value without its backslashes.
fn unescaped(text: &str) -> Result<String, Failure> {
    let mut value = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            value.push(c);
            continue;
        }
        match rest.next() {
            Some(c @ ('\\' | ',' | '=')) => value.push(c),
            other => {
                let sequence: String = ['\\'].into_iter().chain(other).collect();
                let message = format!("invalid field selector: invalid escape sequence: {sequence}");
                return Err(Failure::bad_request(message));
            }
        }
    }
    Ok(value)
}

/// At commas that no backslash stands before.
fn split_unescaped(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b',' => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn check_selectable(path: &str, kind: &Kind) -> Result<(), Failure> {
    if ["metadata.name", "metadata.namespace"].contains(&path) || kind.selectable.contains(&path) {
        return Ok(());
    }
    Err(Failure::bad_request(if kind.selectable.is_empty() {
        format!(
            "{} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
            Quoted(path)
        )
    } else {
        format!("field label not supported: {path}")
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::schema::{EVENT, LEASE};

    fn takes(labels: &[(&str, &str)], selector: &str) -> bool {
        let query = Query::parse(&format!("labelSelector={selector}"));
        let selector = Selector::read(&query, &LEASE).unwrap();
        let labels = labels.iter().map(|&(k, v)| (k.into(), v.into())).collect();
        selector.labels.iter().all(|requirement| requirement.holds(&labels))
    }

    #[test]
    fn labels_are_selected() {
        let labels = [("app", "x"), ("n", "5"), ("a.b/c", "")];
        for yes in
            ["", "app", "app=x", "app==x", "app!=y", "z!=y", "!z", "app in (x,y)", "app notin (y)", "n>4"]
        {
            assert!(takes(&labels, yes), "{yes}");
        }
        for no in ["z", "app=y", "app!=x", "!app", "app in (y)", "z in (x)", "n<5", "app,n=4", "a.b/c=x"] {
            assert!(!takes(&labels, no), "{no}");
        }
        for bad in ["a===b", "a in x", "a b", "=", "a,", "a in (x", "(a)", "a>x"] {
            let query = Query::parse(&format!("labelSelector={bad}"));
            assert_eq!(Selector::read(&query, &LEASE).unwrap_err().code, 400, "{bad}");
        }
    }

    #[test]
    fn fields_are_selected() {
        let query = Query::parse("fieldSelector=reason!=x,involvedObject.name==a%5C,b");
        let selector = Selector::read(&query, &EVENT).unwrap();
        assert_eq!((selector.fields[1].value.as_str(), selector.fields[0].equals), ("a,b", false));
        let bad = Selector::read(&Query::parse("fieldSelector=spec.x=a"), &LEASE).unwrap_err();
        assert!(bad.message.starts_with("\"spec.x\" is not a known field selector"));
        assert!(Selector::read(&Query::parse("fieldSelector=nope"), &LEASE).is_err());
    }
}
