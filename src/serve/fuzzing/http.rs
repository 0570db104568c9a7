//! All that comes over one connection, through the HTTP library.

use std::sync::Arc;
use std::time::Duration;

use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::super::auth::{Client, Clients};
use super::super::connection;
use super::super::server::{Limits, Shared};

/// A client that has sent all that it has and closed its side waits no longer than this for the other.
const END_WITHIN: Duration = Duration::from_secs(10);

pub(super) fn connection(data: &[u8]) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build() else { return };
    let answered = runtime.block_on(exchange(data));
    let text = || String::from_utf8_lossy(&answered).into_owned();
    assert!(answered.is_empty() || answered.starts_with(b"HTTP/1.1 "), "{}", text());
}

async fn exchange(data: &[u8]) -> Vec<u8> {
    let client = Client { name: "n1".into(), token: "t".to_owned() };
    let clients = Clients { all: vec![client], control: "c".to_owned() };
    let shared = Arc::new(Shared::new(clients, Limits::default(), 100, None, 1));
    let (ours, theirs) = tokio::io::duplex(data.len().max(1 << 16));
    let (mut read, mut write) = tokio::io::split(ours);
    let watcher = GracefulShutdown::new().watcher();
    let server = connection::serve_http(theirs, Arc::clone(&shared), watcher);
    let mut answered = Vec::new();
    let client = async {
        let _closed = write.write_all(data).await;
        let _closed = write.shutdown().await;
        let _closed = read.read_to_end(&mut answered).await;
    };
    let both = async { tokio::join!(server, client) };
    let ended = tokio::time::timeout(END_WITHIN, both).await;
    assert!(ended.is_ok(), "a connection that its client has closed does not end");
    let broken = shared.store().check_invariants();
    assert!(broken.is_ok(), "{broken:?}");
    answered
}
