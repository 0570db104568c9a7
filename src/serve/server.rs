//! The server as a whole: set up, run, stopped.

use std::future::Future;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper_util::server::graceful::GracefulShutdown;
use smol_str::SmolStr;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use super::auth::Clients;
use super::certificate::{self, Identity};
use super::codec::Served;
use super::connection;
use super::crew::Crew;
use super::faults::{self, Engine};
use super::kubeconfig;
use super::verbs::Look;
use crate::sim::Plan;
use crate::store::{Object, ObjectPath, Store, StoreOptions};

/// Why a server could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is not one of this machine's own.
    #[error(
        "{0} can be reached from other machines; only loopback addresses are listened on unless that is allowed"
    )]
    NotLoopback(SocketAddr),
    /// The address is taken or does not exist.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Two clients have one name, or a name would not be a word in a kubeconfig.
    #[error("`{0}` cannot be a client's name: each is different, of letters, digits, `-`, `_` and `.`")]
    ClientName(SmolStr),
    /// There are more clients than faults can tell apart.
    #[error("{0} clients are more than faults can tell apart, which is 64")]
    TooManyClients(usize),
    /// The scenario asks for what a server cannot do.
    #[error("{0}")]
    Scenario(String),
    /// The system gives no more threads.
    #[error("no threads to serve on")]
    Threads(#[source] std::io::Error),
    /// There is no source of randomness, or no keys can be made with it.
    #[error("cannot make keys: {0}")]
    Keys(String),
}

/// How much of everything a client may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest body.
    pub body_bytes: usize,
    /// All headers of a request together.
    pub header_bytes: u32,
    /// How many connections there may be.
    pub connections: usize,
    /// How many watches there may be.
    pub watchers: usize,
    /// How long a client may take over a TLS handshake or the headers of a request.
    pub headers_within: Duration,
    /// How long it may take over a body.
    pub body_within: Duration,
    /// How long it may leave the server waiting to send.
    pub send_within: Duration,
}

impl Default for Limits {
    /// What a real server allows, where it is known: bodies of 3 MiB.
    fn default() -> Self {
        Self {
            body_bytes: 3 << 20,
            header_bytes: 64 << 10,
            connections: 1_024,
            watchers: 1_024,
            headers_within: Duration::from_secs(30),
            body_within: Duration::from_secs(30),
            send_within: Duration::from_secs(30),
        }
    }
}

/// How a server is set up.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Where it listens; port 0 is any free one.
    pub listen: SocketAddr,
    /// Whether the address may be one that other machines reach.
    pub allow_remote: bool,
    /// The clients' names.
    pub clients: Vec<SmolStr>,
    /// How much of everything a client may use.
    pub limits: Limits,
    /// How many events of each kind watches can be resumed from.
    pub log_capacity: usize,
    /// A world whose faults and links the clients are to meet: its replicas are the clients of the same place.
    pub plan: Option<Plan>,
    /// What the faults' draws come from.
    pub seed: u64,
    /// How many threads of the server's own serve connections; `None` leaves them to the runtime that it runs on.
    pub threads: Option<NonZeroUsize>,
}

impl Options {
    /// A server on a free port of the loopback interface.
    #[must_use]
    pub fn loopback<N: Into<SmolStr>>(clients: impl IntoIterator<Item = N>) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            allow_remote: false,
            clients: clients.into_iter().map(Into::into).collect(),
            limits: Limits::default(),
            log_capacity: 10_000,
            plan: None,
            seed: 1,
            threads: None,
        }
    }
}

/// What all requests share.
pub(crate) struct Shared {
    store: Mutex<Store>,
    /// The store's revision, for whoever waits for the next one.
    revision: watch::Sender<u64>,
    pub(crate) clients: Clients,
    pub(crate) faults: Engine,
    pub(crate) limits: Limits,
    pub(crate) watchers: AtomicUsize,
    /// Becomes true when the server stops.
    pub(crate) stopping: watch::Sender<bool>,
}

impl Shared {
    pub(crate) fn new(
        clients: Clients,
        limits: Limits,
        log_capacity: usize,
        plan: Option<Plan>,
        seed: u64,
    ) -> Self {
        let store = Store::new(StoreOptions::cluster().with_log_capacity(log_capacity));
        Self {
            revision: watch::Sender::new(store.revision().get()),
            store: Mutex::new(store),
            faults: Engine::new(clients.all.len(), plan, seed),
            clients,
            limits,
            watchers: AtomicUsize::new(0),
            stopping: watch::Sender::new(false),
        }
    }

    /// The store. A panic elsewhere does not make it unusable: every change of it is all or nothing.
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to the store and tells those who wait for changes.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Store) -> T) -> T {
        let mut store = self.store();
        let before = store.revision();
        let result = change(&mut store);
        let after = store.revision();
        drop(store);
        if after != before {
            self.publish(after.get());
        }
        result
    }

    /// Another thread may have made a later revision and been here first: the revision never goes back.
    fn publish(&self, revision: u64) {
        let is_latest = self.revision.send_if_modified(|latest| {
            let is_later = revision > *latest;
            *latest = revision.max(*latest);
            is_later
        });
        if is_latest {
            self.faults.revised(revision);
        }
    }

    pub(crate) fn revisions(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }
}

impl Look for Shared {
    fn object<S: Served>(&self, path: ObjectPath<'_>) -> Option<Object<S>> {
        self.store().object(path)
    }
}

/// A server that listens, and answers once it runs.
#[must_use = "it answers only once it runs: `server.run(shutdown).await`"]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    identity: Identity,
    shared: Arc<Shared>,
    crew: Option<Crew>,
}

/// As many as there are bits to mark them by.
const CLIENTS_MAX: usize = 64;
/// How long requests under way may take once the server is to stop.
const STOP_WITHIN: Duration = Duration::from_secs(2);

impl Server {
    /// Sets up a server and listens.
    ///
    /// # Errors
    /// The options make no sense, or the address cannot be had.
    pub async fn bind(options: Options) -> Result<Self, Error> {
        let Options { listen, allow_remote, clients: names, limits, log_capacity, plan, seed, threads } =
            options;
        if !allow_remote && !listen.ip().is_loopback() {
            return Err(Error::NotLoopback(listen));
        }
        check_names(&names)?;
        if let Some(plan) = &plan {
            faults::check(plan).map_err(Error::Scenario)?;
        }
        let failed = |source| Error::Listen { address: listen, source };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let identity = certificate::make(address.ip()).map_err(Error::Keys)?;
        let clients =
            Clients::new(&names).ok_or_else(|| Error::Keys("there is no randomness to be had".into()))?;
        let shared = Shared::new(clients, limits, log_capacity, plan, seed);
        let crew = threads.map(Crew::start).transpose().map_err(Error::Threads)?;
        Ok(Self { listener, address, identity, shared: Arc::new(shared), crew })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The token of a client.
    #[must_use]
    pub fn token(&self, client: &str) -> Option<&str> {
        self.shared.clients.all.iter().find(|known| known.name == client).map(|known| known.token.as_str())
    }

    /// The token for the control endpoint.
    #[must_use]
    pub fn control_token(&self) -> &str {
        &self.shared.clients.control
    }

    /// The certificate that clients must trust.
    #[must_use]
    pub fn authority_pem(&self) -> &str {
        &self.identity.authority_pem
    }

    /// A kubeconfig with a context for each client.
    #[must_use]
    pub fn kubeconfig(&self) -> String {
        kubeconfig::write(self.address, &self.identity.authority_pem, &self.shared.clients)
    }

    /// Answers until `shutdown` is ready; requests under way are finished, watches end.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { listener, identity, shared, mut crew, .. } = self;
        let acceptor = TlsAcceptor::from(identity.config);
        let room = Arc::new(Semaphore::new(shared.limits.connections.min(Semaphore::MAX_PERMITS)));
        let graceful = GracefulShutdown::new();
        tokio::pin!(shutdown);
        let wanted = shared.faults.start();
        shared.drive(wanted);
        loop {
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else {
                // Out of file descriptors, most likely; there may be some again soon.
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            // Where there is no room, the connection is closed at once.
            let Ok(seat) = Arc::clone(&room).try_acquire_owned() else { continue };
            let (shared, acceptor, watcher) = (Arc::clone(&shared), acceptor.clone(), graceful.watcher());
            // A stream belongs to the runtime that it was made on.
            let Ok(stream) = stream.into_std() else { continue };
            let serve = async move {
                if let Ok(stream) = TcpStream::from_std(stream) {
                    connection::serve(stream, acceptor, shared, watcher).await;
                }
                drop(seat);
            };
            match &mut crew {
                Some(crew) => drop(crew.next().spawn(serve)),
                None => drop(tokio::spawn(serve)),
            }
        }
        drop(listener);
        shared.stopping.send_replace(true);
        let _unfinished = tokio::time::timeout(STOP_WITHIN, graceful.shutdown()).await;
    }
}

fn check_names(names: &[SmolStr]) -> Result<(), Error> {
    if names.len() > CLIENTS_MAX {
        return Err(Error::TooManyClients(names.len()));
    }
    for (index, name) in names.iter().enumerate() {
        let is_word = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if name.is_empty() || !is_word || names[..index].contains(name) {
            return Err(Error::ClientName(name.clone()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_that_is_told_late_does_not_take_the_latest_back() {
        let clients = Clients::new(&["n1".into()]).unwrap();
        let shared = Shared::new(clients, Limits::default(), 10, None, 1);
        let revisions = shared.revisions();
        for revision in [6, 5] {
            shared.publish(revision);
        }
        assert_eq!(*revisions.borrow(), 6);
    }
}
