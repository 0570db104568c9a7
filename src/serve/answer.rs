//! Answers: what they say, and the form that the client accepts.

use super::body::Format;
use super::codec::Printable;
use super::failure::{Failure, Form};
use super::json;
use super::protobuf;
use super::request::Request;
use super::schema::{Kind, PARTIAL};
use super::table;
use crate::store::Tree;

/// What an answer says.
#[derive(Debug)]
pub(crate) enum Content {
    /// An object that is stored, or was.
    Stored(Box<dyn Printable>),
    /// An object, without kind and apiVersion.
    Object(Tree),
    /// A list of such objects, and the list's metadata.
    List(Tree, Vec<Tree>),
    /// A `Status`.
    Status(Tree),
    /// Any other JSON document.
    Document(Tree),
    /// Bytes of a type.
    Plain(&'static str, Vec<u8>),
}

/// An answer that is complete at once.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) content: Content,
    pub(crate) warnings: Vec<String>,
}

impl Answer {
    pub(crate) fn ok(content: Content) -> Self {
        Self { code: 200, content, warnings: Vec::new() }
    }

    pub(crate) fn text(text: &str) -> Self {
        Self::ok(Content::Plain("text/plain; charset=utf-8", text.as_bytes().to_vec()))
    }
}

/// An answer as bytes.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) code: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
    pub(crate) warnings: Vec<String>,
    pub(crate) retry_after_seconds: Option<u32>,
}

/// What an object is turned into before it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Nothing.
    Object,
    /// A `Table`.
    Table,
    /// Its metadata alone.
    Metadata,
    /// The metadata of a list's objects.
    MetadataList,
}

/// The form of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Accepted {
    pub(crate) format: Format,
    pub(crate) shape: Shape,
    /// The version of `meta.k8s.io` that the shape is given in.
    pub(crate) meta_version: &'static str,
    pub(crate) pretty: bool,
}

const STREAM_TYPES: &str =
    ", application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch";
const MEDIA_TYPES: &str = "application/json, application/yaml, application/vnd.kubernetes.protobuf";

impl Accepted {
    /// The first form of the Accept header that the server can give.
    ///
    /// # Errors
    /// 406: there is none.
    pub(crate) fn of(request: &Request, shapes: bool) -> Result<Self, Failure> {
        let pretty = match request.query.find("pretty") {
            Some(value) => value == "1" || value == "true",
            None => ["curl", "Wget", "Mozilla/5.0"].iter().any(|agent| request.user_agent.starts_with(agent)),
        };
        let accept = if request.accept.trim().is_empty() { "*/*" } else { &request.accept };
        let mut ranges: Vec<(u32, &str)> = accept.split(',').map(|range| (quality(range), range)).collect();
        ranges.sort_by_key(|&(quality, _)| core::cmp::Reverse(quality));
        for (_, range) in ranges {
            let mut parts = range.split(';').map(str::trim);
            let format = match parts.next().unwrap_or("") {
                "*/*" | "application/*" | "application/json" => Format::Json,
                "application/yaml" => Format::Yaml,
                "application/vnd.kubernetes.protobuf" => Format::Protobuf,
                _ => continue,
            };
            let (mut shape, mut group, mut version) = ("", "", "");
            for part in parts {
                match part.split_once('=') {
                    Some(("as", value)) => shape = value,
                    Some(("g", value)) => group = value,
                    Some(("v", value)) => version = value,
                    _ => {}
                }
            }
            let shape = match shape {
                "" => Shape::Object,
                _ if !shapes || group != "meta.k8s.io" || !["v1", "v1beta1"].contains(&version) => continue,
                "Table" if format != Format::Protobuf => Shape::Table,
                "PartialObjectMetadata" => Shape::Metadata,
                "PartialObjectMetadataList" => Shape::MetadataList,
                _ => continue,
            };
            let meta_version = if version == "v1beta1" { "meta.k8s.io/v1beta1" } else { META_V1 };
            return Ok(Self { format, shape, meta_version, pretty });
        }
        let message = format!("only the following media types are accepted: {MEDIA_TYPES}");
        Err(Failure::new(406, "NotAcceptable", message))
    }

    /// For answers that are given in any case.
    pub(crate) fn or_json(request: &Request) -> Self {
        Self::of(request, true).unwrap_or(Self {
            format: Format::Json,
            shape: Shape::Object,
            meta_version: META_V1,
            pretty: false,
        })
    }

    /// Looks for a form of any sort, before anything else of a request is looked at; `streams` where there are watches.
    ///
    /// # Errors
    /// 406: there is none.
    pub(crate) fn any(request: &Request, streams: bool) -> Result<(), Failure> {
        let fits = |range: &str| match range.split(';').next().unwrap_or("").trim() {
            "*/*" => true,
            essence => MEDIA_TYPES.split(", ").any(|known| known == essence),
        };
        if request.accept.trim().is_empty() || request.accept.split(',').any(fits) {
            return Ok(());
        }
        let more = if streams { STREAM_TYPES } else { "" };
        let message = format!("406: Not Acceptable\n\nAvailable representations: {MEDIA_TYPES}{more}");
        Err(Failure::new(406, "NotAcceptable", message).with_details(Tree::empty()))
    }

    pub(crate) fn reply(
        self,
        answer: Answer,
        kind: Option<&'static Kind>,
        request: &Request,
    ) -> Result<Reply, Failure> {
        let Answer { code, content, warnings } = answer;
        let (content_type, body) = match (content, kind) {
            (Content::Plain(content_type, body), _) => (content_type, body),
            (Content::Status(tree), _) if self.format == Format::Protobuf => {
                (PROTOBUF, protobuf::write_status(&tree))
            }
            (Content::Status(tree) | Content::Document(tree), _) => self.text(&tree),
            (Content::Stored(object), Some(kind)) => self.object(object.print(), kind, request)?,
            (Content::Object(tree), Some(kind)) => self.object(tree, kind, request)?,
            (Content::List(meta, items), Some(kind)) => self.list(meta, items, kind, request)?,
            (Content::Object(tree) | Content::List(tree, _), None) => self.text(&tree),
            (Content::Stored(object), None) => self.text(&object.print()),
        };
        Ok(Reply { code, content_type, body, warnings, retry_after_seconds: None })
    }

    fn text(self, tree: &Tree) -> (&'static str, Vec<u8>) {
        // An ordinary Lease with its managed fields fits.
        let mut text = String::with_capacity(1_024);
        match self.format {
            Format::Yaml => return ("application/yaml", yaml(tree)),
            _ if self.pretty => json::write_pretty(tree, 0, &mut text),
            _ => json::write(tree, &mut text),
        }
        text.push('\n');
        (JSON, text.into_bytes())
    }

    fn table(
        self,
        objects: &[Tree],
        meta: Option<Tree>,
        kind: &'static Kind,
        request: &Request,
    ) -> Result<Tree, Failure> {
        let mut table = self.versioned(table::of(objects, meta, kind, request, true)?);
        if let Some(Tree::List(rows)) = table.get("rows").cloned().filter(|_| self.meta_version != META_V1) {
            let rows = rows.into_iter().map(|mut row| {
                let object = row.get("object").cloned().unwrap_or_default();
                if object.text_at(&["apiVersion"]) == META_V1 {
                    row.set("object", self.versioned(object));
                }
                row
            });
            table.set("rows", Tree::List(rows.collect()));
        }
        Ok(table)
    }

    fn versioned(self, mut tree: Tree) -> Tree {
        tree.set("apiVersion", Tree::text(self.meta_version));
        tree
    }

    fn object(
        self,
        tree: Tree,
        kind: &'static Kind,
        request: &Request,
    ) -> Result<(&'static str, Vec<u8>), Failure> {
        let api_version = kind.api_version();
        Ok(match self.shape {
            Shape::Table => self.text(&self.table(&[tree], None, kind, request)?),
            Shape::Metadata if self.format == Format::Protobuf => {
                (PROTOBUF, protobuf::write(&tree, PARTIAL.name, self.meta_version, &PARTIAL))
            }
            Shape::Metadata => self.text(&self.versioned(table::metadata_of(&tree))),
            Shape::MetadataList => {
                return Err(not_what_it_is("PartialObjectMetadataList", "not a list", kind, ""));
            }
            Shape::Object if self.format == Format::Protobuf => {
                (PROTOBUF, protobuf::write(&tree, kind.kind, &api_version, kind.object))
            }
            Shape::Object => self.text(&super::codec::typed(tree, kind.kind, &api_version)),
        })
    }

    fn list(
        self,
        meta: Tree,
        items: Vec<Tree>,
        kind: &'static Kind,
        request: &Request,
    ) -> Result<(&'static str, Vec<u8>), Failure> {
        let document = |name: String, api_version: &str, meta: Tree, items: Vec<Tree>| {
            let mut list = Tree::empty();
            list.set("kind", Tree::text(name));
            list.set("apiVersion", Tree::text(api_version));
            list.set("metadata", meta);
            list.set("items", Tree::List(items));
            list
        };
        Ok(match self.shape {
            Shape::Table => self.text(&self.table(&items, Some(meta), kind, request)?),
            Shape::Metadata => return Err(not_what_it_is("PartialObjectMetadata", "a list", kind, "List")),
            Shape::MetadataList if self.format == Format::Protobuf => {
                (PROTOBUF, protobuf::write_list(&meta, &items, PARTIAL.name, self.meta_version, &PARTIAL))
            }
            Shape::MetadataList => {
                let items = items.iter().map(|item| self.versioned(table::metadata_of(item))).collect();
                self.text(&document("PartialObjectMetadataList".into(), self.meta_version, meta, items))
            }
            Shape::Object if self.format == Format::Protobuf => {
                (PROTOBUF, protobuf::write_list(&meta, &items, kind.kind, &kind.api_version(), kind.object))
            }
            Shape::Object => {
                self.text(&document(format!("{}List", kind.kind), &kind.api_version(), meta, items))
            }
        })
    }
}

pub(crate) const JSON: &str = "application/json";
pub(crate) const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

const META_V1: &str = "meta.k8s.io/v1";

fn not_what_it_is(wanted: &str, what: &str, kind: &Kind, suffix: &str) -> Failure {
    let message =
        format!("you requested {wanted}, but the requested object is {what} (*{}{suffix})", kind.internal);
    Failure::new(406, "NotAcceptable", message)
}

fn quality(range: &str) -> u32 {
    let q = range.split(';').map(str::trim).find_map(|part| part.strip_prefix("q="));
    let share = q.and_then(|q| q.parse::<f64>().ok()).map_or(1.0, |q| q.clamp(0.0, 1.0));
    (share * 1_000.0) as u32
}

/// YAML for people: what JSON says, block by block.
fn yaml(tree: &Tree) -> Vec<u8> {
    let value: Result<serde_json::Value, _> = serde_json::from_str(&json::to_string(tree));
    let text = value.ok().and_then(|value| serde_saphyr::to_string(&value).ok());
    text.unwrap_or_default().into_bytes()
}

/// A refusal as bytes.
pub(crate) fn refusal(failure: &Failure, request: &Request) -> Reply {
    let accepted = Accepted::or_json(request);
    let tree = failure.tree();
    let (content_type, body) = match failure.form {
        Form::Text => ("text/plain; charset=utf-8", failure.message.clone().into_bytes()),
        Form::BareStatus => ("text/plain; charset=utf-8", json::to_string(&tree).into_bytes()),
        Form::Status if accepted.format == Format::Protobuf => (PROTOBUF, protobuf::write_status(&tree)),
        Form::Status => accepted.text(&tree),
    };
    let (code, retry_after_seconds) = (failure.code, failure.retry_after_seconds);
    Reply { code, content_type, body, warnings: failure.aside.warnings.clone(), retry_after_seconds }
}
