//! How the elector reaches the API server.

use std::sync::Arc;

use kube::{Client, Config};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::Error;

/// What an election's requests travel on.
///
/// From a [`Config`] the elector builds a client of its own, on its own runtime: no other request's rate limit,
/// connection pool or blocked executor is in its way, and nothing but the elector repeats a request. A ready-made
/// [`Client`] works too, but lives on the runtime that it was made on: if that one is blocked, so are the renewals. It
/// also brings its own limits and repetitions (kube's answers 429, 503 and 504 with waits, unless its
/// [`Config::default_retry`] was off); they fall within each request's deadline, and leave less of it.
///
/// A token in a file, as a service account has one, is read again once a minute, and an exec plugin is run again before
/// its token expires. A client certificate is read once. A proxy needs kube's feature `http-proxy` or `socks5` (the command has both).
///
/// A process with many elections gives all of them clones of one [`Connection::pooled`], and places them on the
/// runtime that it was made on, with [`Place::On`](super::Place::On).
#[derive(Clone)]
#[non_exhaustive]
pub enum Connection {
    /// The settings of a client to build.
    Config(Box<Config>),
    /// A client that exists.
    Client(Client),
    /// A client for many elections, of [`Connection::pooled`].
    Pooled(Pool),
}

/// A client whose requests take turns.
#[derive(Clone)]
pub struct Pool(Line);

/// A client, and how many requests of all that share it may be under way, if that is limited.
#[derive(Clone)]
pub(super) struct Line {
    client: Client,
    places: Option<Arc<Places>>,
}

struct Places {
    of_locks: Arc<Semaphore>,
    /// Events have a place of their own: a renewal waits for none of them.
    of_events: Arc<Semaphore>,
}

impl Line {
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Until a request on a lock may be sent; it is under way for as long as the result lives.
    pub(super) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        // Nobody closes it, so that there is a permit whenever there are places.
        Arc::clone(&self.places.as_ref()?.of_locks).acquire_owned().await.ok()
    }

    /// Until an Event may be sent.
    pub(super) async fn turn_of_event(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places.as_ref()?.of_events).acquire_owned().await.ok()
    }
}

impl From<Config> for Connection {
    fn from(config: Config) -> Self {
        Self::Config(Box::new(config))
    }
}

impl From<Client> for Connection {
    fn from(client: Client) -> Self {
        Self::Client(client)
    }
}

impl Connection {
    /// One client for many elections: `requests` of its clones' requests (and one Event) are under way at once, on about as
    /// many connections, and the others queue. So many elections can begin or fail over at once without a connection each, and
    /// a server that has limits is not overrun. A request that waits longer than the core gives it is given up like
    /// any other.
    ///
    /// Must be called on the runtime that the elections will be placed on.
    ///
    /// # Errors
    /// If the client cannot be made.
    pub fn pooled(config: Config, requests: usize) -> Result<Self, Error> {
        let Line { client, .. } = Self::from(config).line()?;
        let places = |number| Arc::new(Semaphore::new(number));
        let requests = requests.clamp(1, Semaphore::MAX_PERMITS);
        let places = Places { of_locks: places(requests), of_events: places(1) };
        Ok(Self::Pooled(Pool(Line { client, places: Some(Arc::new(places)) })))
    }

    /// The client. Must be called on the runtime that will drive it.
    pub(super) fn line(self) -> Result<Line, Error> {
        match self {
            Self::Pooled(Pool(line)) => Ok(line),
            Self::Client(client) => Ok(Line { client, places: None }),
            Self::Config(config) => Client::try_from(as_the_core_repeats(*config))
                .map(|client| Line { client, places: None })
                .map_err(|source| Error::Client { source: Box::new(source) }),
        }
    }
}

/// kube repeats 429, 503 and 504 up to 15 times with waits of up to 1,000 s: the elector repeats by its own
/// rules, and a write that is sent later than the core thinks would be counted from too early. Its deadlines are the
/// core's, too.
fn as_the_core_repeats(mut config: Config) -> Config {
    config.default_retry = false;
    config.read_timeout = None;
    config
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Config(config) => write!(f, "a client of its own to {}", config.cluster_url),
            Self::Client(_) => f.write_str("the given client"),
            Self::Pooled(_) => f.write_str("a client that many share"),
        }
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let places = self.0.places.as_ref().map_or(0, |places| places.of_locks.available_permits());
        write!(f, "Pool({places} free)")
    }
}
