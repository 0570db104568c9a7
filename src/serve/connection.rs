//! One connection: TLS if the client begins with it, then HTTP/1.1 or HTTP/2.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::server::Shared;
use super::service;

/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 0x16;
const STREAMS_MAX: u32 = 256;
const HEADERS_MAX: usize = 100;

/// Serves a connection to its end, whoever ends it.
pub(crate) async fn serve(stream: TcpStream, acceptor: TlsAcceptor, shared: Arc<Shared>, watcher: Watcher) {
    let within = shared.limits.headers_within;
    let _not_important = stream.set_nodelay(true);
    let mut first = [0];
    let peeked = timeout(within, stream.peek(&mut first)).await;
    let Ok(Ok(1)) = peeked else { return };
    let stream = Paced::new(stream, shared.limits.send_within);
    if first[0] != HANDSHAKE {
        return serve_http(stream, shared, watcher).await;
    }
    if let Ok(Ok(stream)) = timeout(within, acceptor.accept(stream)).await {
        serve_http(stream, shared, watcher).await;
    }
}

/// Serves HTTP on a stream to its end.
pub(crate) async fn serve_http<S>(stream: S, shared: Arc<Shared>, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = shared.limits;
    let header_bytes = usize::try_from(limits.header_bytes).unwrap_or(usize::MAX).max(8 << 10);
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers_within)
        .max_headers(HEADERS_MAX)
        .max_buf_size(header_bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(limits.header_bytes)
        .keep_alive_interval(limits.headers_within)
        .keep_alive_timeout(limits.send_within);
    let service = service_fn(move |request| service::serve(Arc::clone(&shared), request));
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    // Whatever a client does wrong ends its own connection and nothing else.
    let _clients_fault = watcher.watch(connection).await;
}

/// A stream whose other side must keep taking what is sent.
struct Paced<S> {
    stream: S,
    within: Duration,
    /// Runs while the other side takes nothing.
    patience: Option<Pin<Box<Sleep>>>,
}

impl<S> Paced<S> {
    fn new(stream: S, within: Duration) -> Self {
        Self { stream, within, patience: None }
    }

    fn pace<T>(&mut self, context: &mut Context<'_>, sent: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if sent.is_ready() {
            self.patience = None;
            return sent;
        }
        let within = self.within;
        let patience = self.patience.get_or_insert_with(|| Box::pin(tokio::time::sleep(within)));
        match patience.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let sent = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.pace(context, sent)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let sent = Pin::new(&mut this.stream).poll_flush(context);
        this.pace(context, sent)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let sent = Pin::new(&mut this.stream).poll_shutdown(context);
        this.pace(context, sent)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let sent = Pin::new(&mut this.stream).poll_write_vectored(context, bytes);
        this.pace(context, sent)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
