//! Single rules of a protocol, changed by name: for experiments.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

use super::de::HELP;
use super::suggest::nearest;
use crate::core::rules::{self, Rules};

/// The values of one rule and their names.
pub trait Rule: Copy + 'static {
    /// The rule's name, as a type.
    const RULE: &'static str;
    /// Every value, with its name as a type's variant.
    const VALUES: &'static [(Self, &'static str)];
}

/// A rule's value, written by name: `LastSend` is `last-send`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice<T>(pub T);

fn kebab(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

fn names<T: Rule>() -> Vec<String> {
    T::VALUES.iter().map(|(_, name)| kebab(name)).collect()
}

impl<T: Rule + PartialEq> Serialize for Choice<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let name = T::VALUES.iter().find(|(value, _)| *value == self.0).map(|(_, name)| kebab(name));
        serializer.serialize_str(&name.unwrap_or_default())
    }
}

impl<'de, T: Rule> Deserialize<'de> for Choice<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ChoiceVisitor<T>(std::marker::PhantomData<T>);
        impl<T: Rule> Visitor<'_> for ChoiceVisitor<T> {
            type Value = Choice<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "one of {}", names::<T>().join(", "))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Choice<T>, E> {
                let names = names::<T>();
                let found = names.iter().position(|name| name == text).and_then(|at| T::VALUES.get(at));
                found.map(|(value, _)| Choice(*value)).ok_or_else(|| {
                    let known = names.join(", ");
                    let help = match nearest(text, names.iter().map(String::as_str)) {
                        Some(name) => format!("did you mean `{name}`? (known: {known})"),
                        None => format!("known: {known}"),
                    };
                    E::custom(format!("`{text}` is not a value of this rule{HELP}{help}"))
                })
            }
        }
        deserializer.deserialize_any(ChoiceVisitor(std::marker::PhantomData))
    }
}

impl<T: Rule> JsonSchema for Choice<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Rule{}", T::RULE).into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": names::<T>() })
    }
}

/// The rules, once: names of fields, of types and of values as in [`crate::core::rules`].
macro_rules! rules {
    ($($(#[$meta:meta])* $field:ident: $type:ident { $($value:ident),* })*) => {
        super::forms::document! {
            /// Rules that differ from the protocol's. Nothing is checked of what comes out.
            RuleChanges {
                $($(#[$meta])* $field: Choice<rules::$type>,)*
            }
        }

        $(
            impl Rule for rules::$type {
                const RULE: &'static str = stringify!($type);
                const VALUES: &'static [(Self, &'static str)] = &[$((Self::$value, stringify!($value))),*];
            }
        )*

        impl RuleChanges {
            /// What makes the one set of rules the other.
            #[must_use]
            pub fn between(from: &Rules, to: &Rules) -> Self {
                Self { $($field: (from.$field != to.$field).then_some(Choice(to.$field)),)* }
            }

            /// The rules with these changes.
            #[must_use]
            pub fn applied_to(&self, mut rules: Rules) -> Rules {
                $(if let Some(Choice(value)) = self.$field { rules.$field = value; })*
                rules
            }
        }
    };
}

rules! {
    /// What a candidate judges expiry by.
    expiry: Expiry { LocalObservation, WallClock }
    /// What the leader's RenewDeadline counts from.
    deadline_from: DeadlineFrom { RoundStart, LastSend, RenewTime }
    /// When a leader whose deadline has passed stops.
    stop_when: StopWhen { BetweenAttempts, AtDeadline }
    /// What a leader does that sees another holder.
    other_holder: OtherHolder { RetryUntilDeadline, StopAtNextLoop, StopAtOnce }
    /// What a leader does that finds the Lease gone.
    missing_while_leading: MissingWhileLeading { Recreate, StopAtOnce }
    /// When a candidate that created the Lease leads.
    missing_while_candidate: MissingWhileCandidate { LeadAtOnce, Quarantine }
    /// How long a candidate waits for a record that does not change.
    wait: Wait { Record, Own, LargerOfBoth }
    /// When a Lease without a holder may be taken.
    no_holder: NoHolder { Free, FreeIfReleased }
    /// Whose a Lease is that names one's own identity.
    own_name: OwnName { Mine, MineIfSent }
    /// What a candidate does that finds its own write after it lost the response.
    lost_response: LostResponse { LeadAtOnce, RenewFirst }
    /// How a Lease is given up.
    release: Release { TrustMemory, CheckRecord, CachedVersion, OwnLastWrite }
    /// When the guarded work is told to stop, relative to the release.
    cancel_work: CancelWork { AfterRelease, BeforeRelease }
    /// Which changes of a record restart a candidate's wait.
    content: Content { Seconds, Exact }
    /// Which renewTime is written.
    renew_time: RenewTime { WallClock, Increasing }
    /// How LeaseDuration becomes leaseDurationSeconds.
    written_duration: WrittenDuration { Truncated, RoundedUp }
    /// When a candidate looks at the Lease again.
    poll: Poll { Jittered, JitteredOrAtExpiry }
    /// What an attempt of whoever holds a Lease that has not expired begins with.
    first_try: FirstTry { Update, Read }
    /// When a renewal round tries again.
    ticks: Ticks { Kept, Lost }
    /// How long a release that follows a loss, or does not wait for the work, may take.
    release_within: ReleaseWithin { RenewDeadline, Unbounded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_changed_by_name() {
        let changes: RuleChanges =
            serde_json::from_str(r#"{"deadline_from": "last-send", "own_name": "mine-if-sent"}"#).unwrap();
        let rules = changes.applied_to(Rules::CLIENT_GO);
        assert_eq!(rules.deadline_from, rules::DeadlineFrom::LastSend);
        assert_eq!(rules.own_name, rules::OwnName::MineIfSent);
        assert_eq!(rules.content, Rules::CLIENT_GO.content);
        let text = serde_json::to_string(&changes).unwrap();
        assert_eq!(serde_json::from_str::<RuleChanges>(&text).unwrap(), changes);
    }

    #[test]
    fn an_unknown_value_is_told_the_known_ones() {
        let wrong = serde_json::from_str::<RuleChanges>(r#"{"wait": "recrod"}"#).unwrap_err().to_string();
        assert!(wrong.contains("did you mean `record`?"), "{wrong}");
    }
}
