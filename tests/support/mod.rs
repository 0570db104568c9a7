//! A server that keeps objects with optimistic locking, over HTTP on loopback: as much of the Kubernetes API as
//! an election needs, and faults for one client at a time. Clients are told apart by their bearer token.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::disallowed_methods, reason = "these tests run in real time")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

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
                let service = service_fn(|request| api.answer(request));
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
        self.state.lock().unwrap().objects.remove(path);
    }

    pub(crate) fn requests(&self) -> u64 {
        self.state.lock().unwrap().requests
    }

    pub(crate) fn writes(&self) -> Vec<(Instant, String, Value)> {
        self.state.lock().unwrap().writes.clone()
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let client = request.headers().get("authorization").and_then(|value| value.to_str().ok());
        let client = client.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or("").to_owned();
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
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
            _ => self.state.lock().unwrap().apply(&method, &path, body, &client),
        };
        let body = Full::new(Bytes::from(answer.to_string()));
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
        self.objects.insert(path.to_owned(), object.clone());
        self.writes.push((Instant::now(), client.to_owned(), object.clone()));
        object
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
