//! Faults as they are written: what sets them off, how long they last, what they do.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::actions::Action;
use super::draw::Draw;
use super::length::Length;

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "super::actions::FaultDoc", into = "super::actions::FaultDoc")]
pub struct Fault {
    /// Its name, for `after` and as a cause of failovers; the kind of its action, if not given.
    pub name: Option<String>,
    /// What sets it off.
    pub trigger: Trigger,
    /// How long it lasts; to the end, if not given.
    pub lasts: Option<Lasts>,
    /// How often it is set off again; once, if not given.
    pub every: Option<Draw>,
    /// How often at most; without end, if not given.
    pub times: Option<u32>,
    /// What it does.
    pub action: Action,
}

impl Fault {
    /// A fault at an instant of true time.
    #[must_use]
    pub fn at(at: impl Into<Draw>, action: Action) -> Self {
        Self::new(Trigger::At(at.into()), action)
    }

    /// A fault once somebody has led without a break for a while.
    #[must_use]
    pub fn when_leading(who: Who, delay: impl Into<Draw>, action: Action) -> Self {
        let when = When { event: Event::Leading(who), delay: Some(delay.into()), nth: None };
        Self::new(Trigger::When(when), action)
    }

    /// A fault that lasts to the end and comes once.
    #[must_use]
    pub fn new(trigger: Trigger, action: Action) -> Self {
        Self { name: None, trigger, lasts: None, every: None, times: None, action }
    }

    /// The same fault, for so long.
    #[must_use]
    pub fn lasting(self, lasts: impl Into<Draw>) -> Self {
        Self { lasts: Some(Lasts::For(lasts.into())), ..self }
    }

    /// Its name, or what faults of its kind are called.
    #[must_use]
    pub fn display_name(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.action.default_name())
    }
}

/// How long a fault lasts.
#[derive(Clone, Debug, PartialEq)]
pub enum Lasts {
    /// So long.
    For(Draw),
    /// Until this instant.
    Until(Length),
}

/// What sets a fault off.
#[derive(Clone, Debug, PartialEq)]
pub enum Trigger {
    /// An instant of true time.
    At(Draw),
    /// The end of another fault (the beginning of one that does not last).
    After(String),
    /// Something that happens.
    When(When),
}

/// Something that happens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "WhenDoc", into = "WhenDoc")]
pub struct When {
    /// What.
    pub event: Event,
    /// How long after it. A leader must still lead then, or its next term counts.
    pub delay: Option<Draw>,
    /// Which occurrence, from 1.
    pub nth: Option<u32>,
}

/// What can be waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A term began, and goes on.
    Leading(Who),
    /// A term ended.
    StoppedLeading(Who),
    /// A process started.
    Started(Who),
    /// A process ended.
    Ended(Who),
    /// Another fault began.
    FaultBegan(String),
    /// Another fault ended.
    FaultEnded(String),
}

/// How [`When`] is written.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(transform = exactly_one_event)]
struct WhenDoc {
    /// A term of this replica (or of `any`) began and goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    leading: Option<Who>,
    /// A term of this replica (or of `any`) ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_leading: Option<Who>,
    /// This process (or `any`) started.
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<Who>,
    /// This process (or `any`) ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<Who>,
    /// The fault of this name began.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault_began: Option<String>,
    /// The fault of this name ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault_ended: Option<String>,
    /// With `leading`: for how long without a break.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    lasting: Option<Draw>,
    /// With everything else: how long after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    delay: Option<Draw>,
    /// Which occurrence, from 1. The first, if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    nth: Option<u32>,
}

const EVENTS: [&str; 6] = ["leading", "stopped_leading", "started", "ended", "fault_began", "fault_ended"];

fn exactly_one_event(schema: &mut Schema) {
    let required: Vec<_> = EVENTS.iter().map(|name| serde_json::json!({ "required": [name] })).collect();
    schema.insert("oneOf".to_owned(), required.into());
}

impl TryFrom<WhenDoc> for When {
    type Error = String;

    fn try_from(doc: WhenDoc) -> Result<Self, String> {
        let leading = doc.leading.is_some();
        let mut events = [
            doc.leading.map(Event::Leading),
            doc.stopped_leading.map(Event::StoppedLeading),
            doc.started.map(Event::Started),
            doc.ended.map(Event::Ended),
            doc.fault_began.map(Event::FaultBegan),
            doc.fault_ended.map(Event::FaultEnded),
        ]
        .into_iter()
        .flatten();
        let (Some(event), None) = (events.next(), events.next()) else {
            return Err(format!("`when` needs exactly one of {}", EVENTS.join(", ")));
        };
        let delay = match (leading, doc.lasting, doc.delay) {
            (true, lasting, None) => lasting,
            (false, None, delay) => delay,
            (true, _, Some(_)) => return Err("with `leading`, write `for` instead of `delay`".to_owned()),
            (false, Some(_), _) => return Err("`for` goes with `leading` only; write `delay`".to_owned()),
        };
        Ok(Self { event, delay, nth: doc.nth })
    }
}

impl From<When> for WhenDoc {
    fn from(when: When) -> Self {
        let mut doc = Self { nth: when.nth, ..Self::default() };
        match when.event {
            Event::Leading(who) => {
                doc.lasting = when.delay;
                doc.leading = Some(who);
                return doc;
            }
            Event::StoppedLeading(who) => doc.stopped_leading = Some(who),
            Event::Started(who) => doc.started = Some(who),
            Event::Ended(who) => doc.ended = Some(who),
            Event::FaultBegan(name) => doc.fault_began = Some(name),
            Event::FaultEnded(name) => doc.fault_ended = Some(name),
        }
        doc.delay = when.delay;
        doc
    }
}

impl JsonSchema for When {
    fn schema_name() -> Cow<'static, str> {
        "When".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        WhenDoc::json_schema(generator)
    }
}

/// Whom something concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Whoever leads when the fault begins (the last to lead where nobody does).
    Leader,
    /// One that does not lead, at random.
    Follower,
    /// Every one that does not lead.
    Followers,
    /// Any one, at random; in `when`, anybody.
    Any,
    /// Every one.
    All,
    /// The replica of this name.
    Node(String),
}

/// Names that no replica can have.
pub(super) const RESERVED: [&str; 5] = ["leader", "follower", "followers", "any", "all"];

impl From<String> for Who {
    fn from(name: String) -> Self {
        match name.as_str() {
            "leader" => Self::Leader,
            "follower" => Self::Follower,
            "followers" => Self::Followers,
            "any" => Self::Any,
            "all" => Self::All,
            _ => Self::Node(name),
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Leader => "leader",
            Self::Follower => "follower",
            Self::Followers => "followers",
            Self::Any => "any",
            Self::All => "all",
            Self::Node(name) => name,
        })
    }
}

impl Serialize for Who {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Who {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl serde::de::Visitor<'_> for Name {
            type Value = Who;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("leader, follower, followers, any, all or a replica's name")
            }
            fn visit_str<E>(self, name: &str) -> Result<Who, E> {
                Ok(Who::from(name.to_owned()))
            }
        }
        deserializer.deserialize_str(Name)
    }
}

impl JsonSchema for Who {
    fn schema_name() -> Cow<'static, str> {
        "Who".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "leader, follower (one at random), followers (all of them), any (one at random), all, \
                            or a replica's name.",
            "examples": ["leader", "n1"],
            "type": "string",
        })
    }
}

impl JsonSchema for Fault {
    fn schema_name() -> Cow<'static, str> {
        "Fault".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        super::actions::FaultDoc::json_schema(generator)
    }
}
