//! A server that keeps objects with optimistic locking, over HTTP on loopback: as much of the Kubernetes API as
//! an election needs, and faults for one client at a time. Clients are told apart by their bearer token.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::disallowed_methods, reason = "these tests run in real time")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

type Body = BoxBody<Bytes, Infallible>;

/// What goes wrong for one client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// Its requests are neither applied nor answered.
    Hang,
    /// Its writes are applied, and never answered.
    LoseResponses,
    /// Its requests are refused with this code.
    Refuse(u16),
}

#[derive(Default)]
struct State {
    revision: u64,
    uids: u64,
    objects: BTreeMap<String, Value>,
    faults: BTreeMap<String, Fault>,
    /// Every write that was applied: by whom, and what it made.
    writes: Vec<(Instant, String, Value)>,
    requests: u64,
    /// Every change: its revision, whose, and what a watch says of it.
    changes: Vec<(u64, String, Value)>,
    watchers: Vec<(String, mpsc::UnboundedSender<Value>)>,
}

#[derive(Clone)]
pub(crate) struct FakeApi {
    state: Arc<Mutex<State>>,
    pub(crate) address: SocketAddr,
}

impl FakeApi {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let api = Self { state: Arc::default(), address: listener.local_addr().unwrap() };
        let served = api.clone();
        std::thread::spawn(move || runtime.block_on(served.serve(listener)));
        api
    }

    async fn serve(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let api = self.clone();
            tokio::spawn(async move {
                let service = service_fn(|request| api.clone().answer(request));
                _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    }

    /// A client's configuration, with a name that faults can be aimed at.
    pub(crate) fn config(&self, client: &str) -> kube::Config {
        let mut config = kube::Config::new(format!("http://{}", self.address).parse().unwrap());
        config.auth_info.token = Some(client.to_owned().into());
        config
    }

    /// The same as a file.
    pub(crate) fn kubeconfig(&self, client: &str) -> String {
        let text = format!(
            "{{apiVersion: v1, kind: Config, current-context: c, contexts: [{{name: c, context: {{cluster: c, user: u, namespace: default}}}}], \
             clusters: [{{name: c, cluster: {{server: 'http://{}'}}}}], users: [{{name: u, user: {{token: {client}}}}}]}}\n",
            self.address
        );
        text
    }

    pub(crate) fn fault(&self, client: &str, fault: impl Into<Option<Fault>>) {
        let mut state = self.state.lock().unwrap();
        match fault.into() {
            Some(fault) => _ = state.faults.insert(client.to_owned(), fault),
            None => _ = state.faults.remove(client),
        }
    }

    pub(crate) fn lease(&self, name: &str) -> Option<Value> {
        self.object(&format!("/apis/coordination.k8s.io/v1/namespaces/default/leases/{name}"))
    }

    pub(crate) fn holder(&self, name: &str) -> String {
        let lease = self.lease(name).unwrap_or_default();
        lease["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn object(&self, path: &str) -> Option<Value> {
        self.state.lock().unwrap().objects.get(path).cloned()
    }

    pub(crate) fn all(&self, below: &str) -> Vec<Value> {
        let state = self.state.lock().unwrap();
        let found = state.objects.iter().filter(|(path, _)| path.starts_with(below));
        found.map(|(_, object)| object.clone()).collect()
    }

    pub(crate) fn edit(&self, path: &str, edit: impl FnOnce(&mut Value)) {
        let mut state = self.state.lock().unwrap();
        let mut object = state.objects[path].clone();
        edit(&mut object);
        state.store(path, object, "editor");
    }

    pub(crate) fn put(&self, path: &str, object: Value) {
        let mut state = self.state.lock().unwrap();
        state.uids += 1;
        let mut object = object;
        object["metadata"]["uid"] = format!("uid-{}", state.uids).into();
        state.store(path, object, "editor");
    }

    pub(crate) fn delete(&self, path: &str) {
        let mut state = self.state.lock().unwrap();
        state.revision += 1;
        if let Some(mut object) = state.objects.remove(path) {
            object["metadata"]["resourceVersion"] = state.revision.to_string().into();
            state.changed("DELETED", path, object);
        }
    }

    /// Tells every watch that it is too old to go on, and ends it.
    pub(crate) fn expire_watches(&self) {
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired",
            "message": "too old resource version", "code": 410});
        for (_, watcher) in self.state.lock().unwrap().watchers.drain(..) {
            _ = watcher.send(json!({"type": "ERROR", "object": status}));
        }
    }

    /// Starts anew with nothing: watches are broken off, revisions begin again.
    pub(crate) fn forget(&self) {
        *self.state.lock().unwrap() = State::default();
    }

    pub(crate) fn watches(&self) -> usize {
        self.state.lock().unwrap().watchers.iter().filter(|(_, watcher)| !watcher.is_closed()).count()
    }

    pub(crate) fn requests(&self) -> u64 {
        self.state.lock().unwrap().requests
    }

    pub(crate) fn writes(&self) -> Vec<(Instant, String, Value)> {
        self.state.lock().unwrap().writes.clone()
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let client = request.headers().get("authorization").and_then(|value| value.to_str().ok());
        let client = client.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or("").to_owned();
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let query = request.uri().query().unwrap_or("").to_owned();
        let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let fault = {
            let mut state = self.state.lock().unwrap();
            state.requests += 1;
            state.faults.get(&client).copied()
        };
        let (code, answer) = match fault {
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Refuse(code)) => refusal(code, "", "a fault"),
            Some(Fault::LoseResponses) if method != Method::GET => {
                self.state.lock().unwrap().apply(&method, &path, body, &client);
                std::future::pending().await
            }
            _ if query.contains("watch=true") => {
                let lines = self.state.lock().unwrap().watch(&path, &query);
                return Ok(Response::new(lines));
            }
            _ => self.state.lock().unwrap().apply(&method, &path, body, &client),
        };
        let body = Full::new(Bytes::from(answer.to_string())).boxed();
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(code).unwrap();
        response.headers_mut().insert("content-type", "application/json".parse().unwrap());
        Ok(response)
    }
}

impl State {
    fn apply(&mut self, method: &Method, path: &str, body: Value, client: &str) -> (u16, Value) {
        let name = path.rsplit('/').next().unwrap_or("").to_owned();
        if *method == Method::GET {
            if let Some(object) = self.objects.get(path) {
                return (200, object.clone());
            }
            if name == "leases" {
                let below = format!("{path}/");
                let found = self.objects.iter().filter(|(path, _)| path.starts_with(&below));
                let items: Vec<_> = found.map(|(_, object)| object.clone()).collect();
                let revision = self.revision.to_string();
                let list = json!({"kind": "LeaseList", "apiVersion": "coordination.k8s.io/v1",
                    "metadata": {"resourceVersion": revision}, "items": items});
                return (200, list);
            }
            return refusal(404, "NotFound", &format!("\"{name}\" not found"));
        }
        if *method == Method::POST {
            let name = body["metadata"]["name"].as_str().unwrap_or("").to_owned();
            let path = format!("{path}/{name}");
            if self.objects.contains_key(&path) {
                return refusal(409, "AlreadyExists", &format!("\"{name}\" already exists"));
            }
            let mut object = body;
            self.uids += 1;
            object["metadata"]["uid"] = format!("uid-{}", self.uids).into();
            return (201, self.store(&path, object, client));
        }
        assert_eq!(*method, Method::PUT, "no election needs this");
        let Some(stored) = self.objects.get(path) else {
            return refusal(409, "Conflict", "Precondition failed: UID in precondition");
        };
        let same = |field: &str| stored["metadata"][field] == body["metadata"][field];
        if !same("uid") || !same("resourceVersion") {
            return refusal(409, "Conflict", "the object has been modified");
        }
        (200, self.store(path, body, client))
    }

    fn store(&mut self, path: &str, mut object: Value, client: &str) -> Value {
        self.revision += 1;
        object["metadata"]["resourceVersion"] = self.revision.to_string().into();
        let known = self.objects.insert(path.to_owned(), object.clone()).is_some();
        self.changed(if known { "MODIFIED" } else { "ADDED" }, path, object.clone());
        self.writes.push((Instant::now(), client.to_owned(), object.clone()));
        object
    }
}

impl State {
    fn changed(&mut self, kind: &str, path: &str, object: Value) {
        let line = json!({"type": kind, "object": object});
        for (below, watcher) in &self.watchers {
            if path.starts_with(below) {
                _ = watcher.send(line.clone());
            }
        }
        self.changes.push((self.revision, path.to_owned(), line));
    }

    fn watch(&mut self, path: &str, query: &str) -> Body {
        let since = query.split('&').find_map(|part| part.strip_prefix("resourceVersion="));
        let since: u64 = since.unwrap_or("0").parse().unwrap();
        let (sender, receiver) = mpsc::unbounded_channel();
        for (_, path_of, line) in self.changes.iter().filter(|(revision, ..)| *revision > since) {
            if path_of.starts_with(path) {
                _ = sender.send(line.clone());
            }
        }
        self.watchers.push((path.to_owned(), sender));
        let lines = stream::unfold(receiver, |mut receiver| async {
            let line = receiver.recv().await?;
            Some((Ok(Frame::data(Bytes::from(format!("{line}\n")))), receiver))
        });
        StreamBody::new(lines).boxed()
    }
}

fn refusal(code: u16, reason: &str, message: &str) -> (u16, Value) {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    });
    (code, status)
}

/// Polls until it holds, for at most so long.
#[track_caller]
pub(crate) fn wait_for(what: &str, at_most: Duration, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < at_most, "still not after {at_most:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A network between a client and a server, whose connections can fall silent without being closed.
pub(crate) struct Network {
    pub(crate) address: SocketAddr,
    open: Arc<Mutex<Vec<Silence>>>,
    made: Arc<AtomicUsize>,
}

/// Whether a connection is silent, for as long as it is open.
type Silence = Weak<AtomicBool>;

impl Network {
    pub(crate) fn start(server: SocketAddr) -> Self {
        Self::listen(move |_| std::net::TcpStream::connect(server).ok())
    }

    /// A proxy, for whoever asks it to connect to somewhere.
    pub(crate) fn start_proxy() -> Self {
        use std::io::{Read as _, Write as _};
        Self::listen(|client| {
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                client.read_exact(&mut byte).ok()?;
                asked.extend(byte);
            }
            let asked = String::from_utf8(asked).ok()?;
            let server =
                std::net::TcpStream::connect(asked.strip_prefix("CONNECT ")?.split(' ').next()?).ok()?;
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
            Some(server)
        })
    }

    fn listen(
        connect: impl Fn(&mut std::net::TcpStream) -> Option<std::net::TcpStream> + Send + 'static,
    ) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let network =
            Self { address: listener.local_addr().unwrap(), open: Arc::default(), made: Arc::default() };
        let (open, made) = (Arc::clone(&network.open), Arc::clone(&network.made));
        std::thread::spawn(move || {
            for mut client in listener.incoming().filter_map(Result::ok) {
                let Some(server) = connect(&mut client) else { continue };
                made.fetch_add(1, Ordering::SeqCst);
                let silent = Arc::default();
                open.lock().unwrap().push(Arc::downgrade(&silent));
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let silent = Arc::clone(&silent);
                    std::thread::spawn(move || carry(from, to, &silent));
                }
            }
        });
        network
    }

    /// How many connections there have been.
    pub(crate) fn connections(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }

    /// How many connections are open, and not silent.
    pub(crate) fn open(&self) -> usize {
        self.open.lock().unwrap().iter().filter(|silence| silence.strong_count() > 0).count()
    }

    /// From now on nothing comes through on the connections that are open; new ones work.
    pub(crate) fn silence(&self) {
        let open = std::mem::take(&mut *self.open.lock().unwrap());
        open.iter().filter_map(Silence::upgrade).for_each(|silent| silent.store(true, Ordering::SeqCst));
    }
}

fn carry(mut from: std::net::TcpStream, mut to: std::net::TcpStream, silent: &AtomicBool) {
    use std::io::{Read as _, Write as _};
    let mut buffer = [0; 4096];
    while let Ok(n) = from.read(&mut buffer) {
        if n == 0 {
            break;
        }
        if !silent.load(Ordering::SeqCst) && to.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    _ = to.shutdown(std::net::Shutdown::Both);
    _ = from.shutdown(std::net::Shutdown::Both);
}
