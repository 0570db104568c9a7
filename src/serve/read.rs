//! From JSON to what the schema knows: types are checked, names that it does not know are noted and left out.

use core::fmt::Write as _;
use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::schema::{Field, Presence, Struct, Type};
use super::time;
use crate::store::Tree;

/// What was read.
pub(crate) struct Decoded {
    /// The object in the schema's order, without `apiVersion` and `kind`.
    pub(crate) object: Tree,
    /// Unknown and duplicate fields, in the words of a strict decoding error.
    pub(crate) strict: Vec<String>,
}

/// So many strict errors are told; more would be of no use.
const STRICT_ERRORS_MAX: usize = 100;

/// Reads an object. Canonical objects read as they are.
///
/// # Errors
/// The first value of a wrong type, in the words of Go's decoder.
pub(crate) fn read(tree: &Tree, object: &'static Struct) -> Result<Decoded, String> {
    let mut reader = Reader { is_final: false, path: String::new(), strict: Vec::new(), error: None };
    let context = Context { owner: None, outer: None, name: "" };
    let object = reader.structure(tree, object, &context, true);
    match reader.error {
        Some(error) => Err(error),
        None => Ok(Decoded { object: object.unwrap_or(Tree::empty()), strict: reader.strict }),
    }
}

struct Reader {
    /// Whether `error` is one that ends the decoding.
    is_final: bool,
    /// Where it is, as strict errors name it.
    path: String,
    strict: Vec<String>,
    error: Option<String>,
}

/// Where it is, as Go's decoder names it; put together only where there is an error to tell.
struct Context<'a> {
    owner: Option<&'static str>,
    outer: Option<&'a Context<'a>>,
    name: &'a str,
}

impl Context<'_> {
    fn fields(&self) -> String {
        match self.outer {
            Some(outer) if !outer.name.is_empty() => format!("{}.{}", outer.fields(), self.name),
            _ => self.name.to_owned(),
        }
    }
}

impl Reader {
    fn refuse(&mut self, error: impl FnOnce() -> String) {
        if self.error.is_none() {
            self.error = Some(error());
        }
    }

    /// An error of a type that decodes itself: it is told rather than earlier ones, and nothing after it is looked at.
    fn refuse_at_once(&mut self, error: String) {
        if !core::mem::replace(&mut self.is_final, true) {
            self.error = Some(error);
        }
    }

    fn wrong_type(&mut self, tree: &Tree, wanted: &str, context: &Context<'_>) {
        let with_text = wanted.starts_with("int");
        let found = match tree {
            Tree::Null => return,
            Tree::Bool(_) => "bool".into(),
            Tree::Number(text) if with_text => format!("number {text}"),
            Tree::Number(_) => "number".into(),
            Tree::Text(_) => "string".into(),
            Tree::List(_) => "array".into(),
            Tree::Map(_) => "object".to_owned(),
        };
        let place = match context.owner {
            Some(owner) => format!("struct field {owner}.{}", context.fields()),
            None => "value".into(),
        };
        self.refuse(|| format!("json: cannot unmarshal {found} into Go {place} of type {wanted}"));
    }

    fn strict(&mut self, what: &str, name: &str) {
        if self.strict.len() < STRICT_ERRORS_MAX {
            let dot = if self.path.is_empty() { "" } else { "." };
            self.strict.push(format!("{what} field \"{}{dot}{name}\"", self.path));
        }
    }

    fn within<T>(&mut self, step: impl FnOnce(&mut String), read: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        step(&mut self.path);
        let value = read(self);
        self.path.truncate(length);
        value
    }

    fn structure(
        &mut self,
        tree: &Tree,
        of: &'static Struct,
        context: &Context<'_>,
        is_root: bool,
    ) -> Option<Tree> {
        let Tree::Map(entries) = tree else {
            self.wrong_type(tree, &format!("v1.{}", of.name), context);
            return None;
        };
        let mut values: Vec<Option<Tree>> = vec![None; of.fields.len()];
        // Many clients' worth of duplicates must not cost more than one's: no looking back through the entries. A bit for
        // each field, of which no kind has more than a few, and two for what says which kind it is.
        let mut seen = 0_u64;
        for (name, value) in entries {
            let known = of.fields.iter().position(|field| field.name == name);
            let is_type = is_root && (name == "kind" || name == "apiVersion");
            let place = known.or(is_type.then_some(of.fields.len() + usize::from(name == "kind")));
            if let Some(place) = place {
                if seen >> place & 1 == 1 {
                    self.strict("duplicate", name);
                }
                seen |= 1 << place;
            }
            match known {
                Some(at) => {
                    let inner = Context { owner: Some(of.name), outer: Some(context), name };
                    let step = |path: &mut String| extend(path, name);
                    let read = |this: &mut Self| this.value(value, of.fields[at].ty, &inner);
                    values[at] = self.within(step, read);
                }
                None if is_type => {
                    let inner = Context { owner: Some(of.name), outer: None, name };
                    if value.as_text().is_none() {
                        self.wrong_type(value, "string", &inner);
                    }
                }
                None => self.strict("unknown", name),
            }
        }
        let mut fields = Vec::with_capacity(entries.len().min(of.fields.len()));
        let printed = |(f, v): (&Field, _)| Some((SmolStr::new_static(f.name), printed(f, v)?));
        fields.extend(of.fields.iter().zip(values).filter_map(printed));
        Some(Tree::Map(fields))
    }

    fn value(&mut self, tree: &Tree, ty: Type, context: &Context<'_>) -> Option<Tree> {
        match ty {
            Type::Raw => (!tree.is_null()).then(|| tree.clone()),
            _ if tree.is_null() => None,
            Type::Text => self.expect(tree, matches!(tree, Tree::Text(_)), text_type(context), context),
            Type::Bool => self.expect(tree, matches!(tree, Tree::Bool(_)), "bool", context),
            Type::Int32 => self.integer(tree, integer::<i32>(tree).map(i64::from), "int32", context),
            Type::Int64 => self.integer(tree, integer::<i64>(tree), "int64", context),
            Type::Time => self.time(tree, false, context),
            Type::MicroTime => self.time(tree, true, context),
            Type::TextMap | Type::BytesMap => self.map(tree, ty, context),
            Type::Struct(of) => self.structure(tree, of, context, false),
            Type::List(of, _) => self.list(tree, *of, context),
        }
    }

    fn expect(&mut self, tree: &Tree, fits: bool, wanted: &str, context: &Context<'_>) -> Option<Tree> {
        if fits {
            return Some(tree.clone());
        }
        self.wrong_type(tree, wanted, context);
        None
    }

    /// An integer as it is printed: `-0` is 0.
    fn integer(
        &mut self,
        tree: &Tree,
        read: Option<i64>,
        wanted: &str,
        context: &Context<'_>,
    ) -> Option<Tree> {
        if read.is_none() {
            self.wrong_type(tree, wanted, context);
        }
        read.map(Tree::number)
    }

    /// Times have a decoder of their own.
    fn time(&mut self, tree: &Tree, micro: bool, context: &Context<'_>) -> Option<Tree> {
        let Tree::Text(text) = tree else {
            let earlier = self.error.take().filter(|_| self.is_final);
            self.wrong_type(tree, "string", context);
            let error = earlier.or(self.error.take()).unwrap_or_default();
            self.error = Some(error);
            self.is_final = true;
            return None;
        };
        let parsed = if micro {
            time::parse_micro(text).map(|at| (at, time::format_micro(at)))
        } else {
            time::parse_second(text).map(|at| (at, time::format_second(at)))
        };
        match parsed {
            Ok((at, _)) if time::is_zero(at) => Some(Tree::Null),
            Ok((_, text)) => Some(Tree::text(text)),
            Err(error) => {
                self.refuse_at_once(error);
                None
            }
        }
    }

    fn map(&mut self, tree: &Tree, ty: Type, context: &Context<'_>) -> Option<Tree> {
        let Tree::Map(entries) = tree else {
            let wanted =
                if matches!(ty, Type::BytesMap) { "map[string][]uint8" } else { "map[string]string" };
            self.wrong_type(tree, wanted, context);
            return None;
        };
        let mut sorted: BTreeMap<SmolStr, Tree> = BTreeMap::new();
        for (key, value) in entries {
            let value = match value {
                Tree::Null => Tree::text(""),
                Tree::Text(text) if matches!(ty, Type::BytesMap) => match super::base64::decode(text) {
                    // There is more than one way to write the same bytes.
                    Ok(bytes) => Tree::text(super::base64::encode(&bytes)),
                    Err(at) => {
                        self.refuse(|| format!("illegal base64 data at input byte {at}"));
                        continue;
                    }
                },
                Tree::Text(_) => value.clone(),
                other => {
                    let wanted = if matches!(ty, Type::BytesMap) { "[]uint8" } else { "string" };
                    self.wrong_type(other, wanted, context);
                    continue;
                }
            };
            if sorted.insert(key.clone(), value).is_some() {
                self.strict("duplicate", key);
            }
        }
        Some(Tree::Map(sorted.into_iter().collect()))
    }

    fn list(&mut self, tree: &Tree, of: Type, context: &Context<'_>) -> Option<Tree> {
        let Tree::List(items) = tree else {
            let wanted = match of {
                Type::Struct(of) => format!("[]v1.{}", of.name),
                _ => "[]string".into(),
            };
            self.wrong_type(tree, &wanted, context);
            return None;
        };
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let step = |path: &mut String| _ = write!(path, "[{index}]");
            let read = |this: &mut Self| this.value(item, of, context);
            let value = self.within(step, read);
            values.push(value.unwrap_or_else(|| zero(of)));
        }
        Some(Tree::List(values))
    }
}

/// The Go type of a text.
fn text_type(context: &Context<'_>) -> &'static str {
    match context.name {
        "uid" => "types.UID",
        "strategy" => "v1.CoordinatedLeaseStrategy",
        _ => "string",
    }
}

fn extend(path: &mut String, name: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(name);
}

fn integer<T: core::str::FromStr>(tree: &Tree) -> Option<T> {
    match tree {
        Tree::Number(text) => text.parse().ok(),
        _ => None,
    }
}

/// A field as it is printed; nothing if it is not.
fn printed(field: &Field, value: Option<Tree>) -> Option<Tree> {
    match (field.presence, value) {
        (Presence::Pointer, value) => value,
        (Presence::NonZero, Some(value)) => (!is_zero(&value)).then_some(value),
        (Presence::NonZero, None) => None,
        (Presence::Always, Some(value)) => Some(value),
        (Presence::Always, None) => Some(zero(field.ty)),
    }
}

pub(crate) fn is_zero(value: &Tree) -> bool {
    match value {
        Tree::Null | Tree::Bool(false) => true,
        Tree::Bool(true) => false,
        Tree::Number(text) => text.parse() == Ok(0_i64),
        Tree::Text(text) => text.is_empty(),
        Tree::List(items) => items.is_empty(),
        Tree::Map(entries) => entries.is_empty(),
    }
}

/// What Go prints for a value that was never set.
pub(crate) fn zero(ty: Type) -> Tree {
    match ty {
        Type::Text => Tree::text(""),
        Type::Bool => Tree::Bool(false),
        Type::Int32 | Type::Int64 => Tree::number(0),
        Type::Time | Type::MicroTime | Type::Raw | Type::TextMap | Type::BytesMap | Type::List(..) => {
            Tree::Null
        }
        Type::Struct(of) => {
            let fields = of.fields.iter();
            Tree::Map(fields.filter_map(|field| Some((field.name.into(), printed(field, None)?))).collect())
        }
    }
}
