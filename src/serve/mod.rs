//! The store over HTTP and HTTPS, for real clients.
//!
//! A [`Server`] answers as a real API server was seen to answer (kube-apiserver 1.36.3, recorded): Leases, Events, ConfigMaps and
//! Endpoints in JSON, YAML and protobuf, with watches, every kind of patch, discovery and OpenAPI. Each client has a name
//! and a token of its own, so that faults can be aimed at one of them.
//!
//! ```no_run
//! # async fn example() -> Result<(), leasehold::serve::Error> {
//! use leasehold::serve::{Options, Server};
//!
//! let server = Server::bind(Options::loopback(["n1", "n2"])).await?;
//! println!("{}", server.kubeconfig());
//! let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
//! let running = tokio::spawn(server.run(async move { _ = stopped.await }));
//! // ... clients do what they do ...
//! drop(stop);
//! running.await.expect("the server does not panic");
//! # Ok(())
//! # }
//! ```
//!
//! From the outside in: `server` and `connection` do the network, `service` takes a request apart and sends the answer,
//! `passage` lets faults befall it,
//! `verbs` and its neighbours decide on it, the store does it. `schema` says what the kinds are; `read`, `codec`,
//! `protobuf`, `fields`, `table` and `openapi` follow it.

mod answer;
mod apply;
mod auth;
mod base64;
mod body;
mod certificate;
mod codec;
mod columns;
mod connection;
mod control;
mod crew;
mod delete;
mod discovery;
mod edit;
mod failure;
mod faults;
mod fields;
#[doc(hidden)]
pub mod fuzzing;
mod json;
mod json_patch;
mod kubeconfig;
mod list;
mod managed;
mod merge_patch;
mod namespaces;
mod openapi;
mod options;
mod passage;
mod patch;
mod protobuf;
mod read;
mod request;
mod schema;
mod selector;
mod server;
mod service;
mod table;
mod time;
mod typed;
mod verbs;
mod watch;

pub use server::{Error, Limits, Options, Server};

use crate::core::WallTime;

/// The wall clock.
#[expect(clippy::disallowed_methods, reason = "this server lives in real time")]
fn now() -> WallTime {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    WallTime::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
