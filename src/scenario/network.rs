//! How long messages take and what becomes of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::draw::{Distribution, Draw, LogNormal};
use super::forms::{document, text_or_map};
use super::length::Length;
use super::rate::Rate;

/// The way to the API server and back: a profile's name, or the particulars.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
#[expect(clippy::large_enum_variant, reason = "there are few of them, and boxes are awkward to write")]
pub enum Network {
    /// A profile as it is.
    Profile(Profile),
    /// Both directions in particular.
    Links(Links),
}

text_or_map!(
    Network,
    "a network profile such as `in-zone`, or a map such as {latency: 2ms, loss: 1%}",
    Network::Profile, Links => Network::Links
);

/// Networks by name. The figures are round numbers for what is usual, one way, without loss; what the
/// server itself takes is `server.latency`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// 2 ms each way, always: what client-go was recorded with. The default.
    #[default]
    Recorded,
    /// The same machine: 50 us each way, always.
    Loopback,
    /// Within one zone: log-normal, median 250 us, sigma 0.3.
    InZone,
    /// Between two zones of a region: log-normal, median 750 us, sigma 0.4.
    CrossZone,
    /// Between two regions of a continent: log-normal, median 35 ms, sigma 0.15.
    CrossRegion,
}

impl Profile {
    /// How long a message takes, one way.
    #[must_use]
    pub fn latency(self) -> Draw {
        let log_normal = |median, sigma| Draw::Random(Distribution::LogNormal(LogNormal { median, sigma }));
        match self {
            Self::Recorded => Draw::Fixed(Length::millis(2)),
            Self::Loopback => Draw::Fixed(Length::nanos(50_000)),
            Self::InZone => log_normal(Length::nanos(250_000), 0.3),
            Self::CrossZone => log_normal(Length::nanos(750_000), 0.4),
            Self::CrossRegion => log_normal(Length::millis(35), 0.15),
        }
    }
}

document! {
    /// Both directions. What is said of one direction goes before what is said of both, and that
    /// before the profile.
    Links {
        /// What is not said here is as in this profile.
        profile: Profile,
        /// How long a message takes, either way.
        latency: Draw,
        /// How many messages are lost, either way.
        loss: Rate,
        /// How many messages arrive twice, either way.
        duplicates: Rate,
        /// The way to the server.
        request: Link,
        /// The way back.
        response: Link,
    }

    /// One direction.
    Link {
        /// How long a message takes.
        latency: Draw,
        /// How many messages are lost.
        loss: Rate,
        /// How many messages arrive twice, the second after a second draw of the latency.
        duplicates: Rate,
    }
}
