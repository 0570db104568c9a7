//! The load: hand-written HTTP/1.1 on keep-alive connections, one request under way on each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::Cpu;
use super::bodies::{Form, created};
use super::served::Served;

/// What to do.
pub(crate) struct Load {
    pub(crate) connections: usize,
    pub(crate) form: Form,
    /// Whom to trust, if TLS is to be spoken.
    pub(crate) authority: Option<Arc<ClientConfig>>,
    pub(crate) warm_up: Duration,
    pub(crate) time: Duration,
}

/// What came of it.
pub(crate) struct Measured {
    pub(crate) updates: u64,
    pub(crate) took: Duration,
    /// In microseconds, from the first byte sent to the last received.
    pub(crate) latency: Histogram<u64>,
    pub(crate) server_cpu: Duration,
    pub(crate) own_cpu: Duration,
    /// The length of a request's body.
    pub(crate) bytes: usize,
}

impl Load {
    /// Creates the Leases of a round, then updates them for as long as asked.
    pub(crate) async fn run(&self, served: &Served, round: usize) -> Measured {
        let token = served.field("token: ");
        let began = Instant::now() + self.warm_up;
        let until = began + self.time;
        let lease = |index: usize| format!("lease-{round}-{index:04}");
        let connections: Vec<_> = (0..self.connections)
            .map(|index| {
                let wire = Wire::new(&served.address, &token, self.form, &lease(index));
                tokio::spawn(connection(wire, self.authority.clone(), began, until))
            })
            .collect();
        tokio::time::sleep_until(began.into()).await;
        let from = Cpu::now(served);
        tokio::time::sleep_until(until.into()).await;
        let to = Cpu::now(served);
        let mut latency = histogram();
        let mut bytes = 0;
        for connection in connections {
            let (own, length) = connection.await.expect("every update is accepted");
            latency.add(own).expect("the same bounds");
            bytes = length;
        }
        Measured {
            updates: latency.len(),
            took: to.at - from.at,
            latency,
            server_cpu: to.server - from.server,
            own_cpu: to.own - from.own,
            bytes,
        }
    }
}

/// What TLS is spoken with: the authority of the server's kubeconfig.
pub(crate) fn authority(served: &Served) -> Arc<ClientConfig> {
    let pem = decode_base64(&served.field("certificate-authority-data: "));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        roots.add(certificate.expect("a certificate")).expect("an authority");
    }
    Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

fn decode_base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for digit in text.bytes().filter_map(|byte| ALPHABET.iter().position(|&known| known == byte)) {
        bits = bits << 6 | digit as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("sensible bounds")
}

/// Requests of one connection, with their unchanging parts at hand.
struct Wire {
    address: String,
    form: Form,
    create: Vec<u8>,
    /// Everything before the length of an update's body.
    head: Vec<u8>,
}

impl Wire {
    fn new(address: &str, token: &str, form: Form, lease: &str) -> Self {
        const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
        let common = |method: &str, path: &str, content_type: &str, accept: &str| {
            format!(
                "{method} {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: controller/v0.0.0 (linux/amd64) kubernetes/$Format\r\n\
                 Authorization: Bearer {token}\r\nAccept: {accept}\r\nContent-Type: {content_type}\r\nContent-Length: "
            )
        };
        let (method, content_type, accept) = form.head();
        let body = created(lease);
        let create = common("POST", LEASES, "application/json", accept);
        let create = format!("{create}{}\r\n\r\n{body}", body.len()).into_bytes();
        let head = common(method, &format!("{LEASES}/{lease}"), content_type, accept).into_bytes();
        Self { address: address.to_owned(), form, create, head }
    }
}

async fn connection(
    wire: Wire,
    authority: Option<Arc<ClientConfig>>,
    began: Instant,
    until: Instant,
) -> (Histogram<u64>, usize) {
    let stream = TcpStream::connect(&wire.address).await.expect("the server listens");
    stream.set_nodelay(true).expect("an option that all have");
    let Some(config) = authority else { return updates(stream, wire, began, until).await };
    let name = ServerName::try_from("127.0.0.1").expect("an address");
    let stream = TlsConnector::from(config).connect(name, stream).await.expect("the certificate is right");
    updates(stream, wire, began, until).await
}

async fn updates<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    wire: Wire,
    began: Instant,
    until: Instant,
) -> (Histogram<u64>, usize) {
    let mut latency = histogram();
    let (mut body, mut request) = (Vec::new(), wire.create.clone());
    let mut answer = vec![0; 16 << 10];
    let mut revision = 0;
    for renewal in 1.. {
        let sent = Instant::now();
        if sent >= until {
            break;
        }
        stream.write_all(&request).await.expect("the server takes it");
        stream.flush().await.expect("the server takes it");
        let object = receive(&mut stream, &mut answer, if renewal == 1 { "201" } else { "200" }).await;
        let object = &answer[object];
        if sent >= began {
            latency.record((sent.elapsed().as_micros() as u64).max(1)).expect("less than a minute");
        }
        let next = wire.form.revision(object);
        assert!(next > revision, "an update had no effect");
        revision = next;
        body.clear();
        wire.form.next(object, renewal, &mut body);
        request.clear();
        request.extend_from_slice(&wire.head);
        request.extend_from_slice(body.len().to_string().as_bytes());
        request.extend_from_slice(b"\r\n\r\n");
        request.extend_from_slice(&body);
    }
    (latency, body.len())
}

/// Receives an answer with this status; where its body is.
async fn receive<S: AsyncRead + Unpin>(
    stream: &mut S,
    answer: &mut [u8],
    status: &str,
) -> std::ops::Range<usize> {
    const LENGTH: &[u8] = b"content-length: ";
    let mut filled = 0;
    loop {
        let read = stream.read(&mut answer[filled..]).await.expect("the server answers");
        assert!(read > 0, "the server closed the connection");
        filled += read;
        let text = &answer[..filled];
        let Some(end) = memchr::memmem::find(text, b"\r\n\r\n") else { continue };
        let head = &text[..end];
        assert_eq!(head.get(9..12), Some(status.as_bytes()), "{}", String::from_utf8_lossy(text));
        let at = memchr::memmem::find(head, LENGTH).expect("a length") + LENGTH.len();
        let digits = head[at..].iter().take_while(|byte| byte.is_ascii_digit());
        let length = digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0'));
        if filled >= end + 4 + length {
            return end + 4..end + 4 + length;
        }
    }
}
