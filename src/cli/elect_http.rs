//! What the kubelet and Prometheus ask of `leasehold elect`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use crate::adapter::{Health, Role, Status};

/// What there is to answer from.
pub(super) struct Answers {
    pub(super) health: Health,
    pub(super) states: watch::Receiver<Status>,
    pub(super) registry: Registry,
}

/// More than probes and scrapers need.
const CONNECTIONS_MAX: usize = 32;
const HEADERS_WITHIN: Duration = Duration::from_secs(5);

pub(super) async fn serve(listener: TcpListener, answers: Answers) {
    let answers = Arc::new(answers);
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: give others the time to close theirs.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let answers = Arc::clone(&answers);
        drop(tokio::spawn(async move {
            let service = service_fn(|request| {
                let answer = answers.to(&request);
                async move { Ok::<_, Infallible>(answer) }
            });
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN);
            _ = http.serve_connection(TokioIo::new(stream), service).await;
            drop(place);
        }));
    }
}

impl Answers {
    fn to(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".to_owned());
        }
        match request.uri().path() {
            "/healthz" => match self.health.check(Health::DEFAULT_TOLERANCE) {
                Ok(()) => text(StatusCode::OK, "ok".to_owned()),
                Err(error) => {
                    text(StatusCode::INTERNAL_SERVER_ERROR, format!("[-]leaderElection failed: {error}\n"))
                }
            },
            // A candidate is ready to lead: a rollout must not wait for all of them to.
            "/readyz" => self.when(|role| !matches!(role, Role::Ended(_)), "takes no part any more"),
            "/leaderz" => {
                self.when(|role| matches!(role, Role::Leading(term) if term.may_act()), "does not lead")
            }
            "/metrics" => self.metrics(),
            _ => {
                text(StatusCode::NOT_FOUND, "there are /healthz, /readyz, /leaderz and /metrics\n".to_owned())
            }
        }
    }

    fn when(&self, holds: impl Fn(&Role) -> bool, otherwise: &str) -> Response<Full<Bytes>> {
        if holds(&self.states.borrow().role) {
            text(StatusCode::OK, "ok".to_owned())
        } else {
            text(StatusCode::SERVICE_UNAVAILABLE, format!("{otherwise}\n"))
        }
    }

    fn metrics(&self) -> Response<Full<Bytes>> {
        let mut body = String::new();
        if prometheus_client::encoding::text::encode(&mut body, &self.registry).is_err() {
            return text(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written\n".to_owned());
        }
        typed(StatusCode::OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", body)
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    typed(status, "text/plain; charset=utf-8", body)
}

fn typed(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let content_type = http::HeaderValue::from_static(content_type);
    response.headers_mut().insert(http::header::CONTENT_TYPE, content_type);
    response
}
