//! What the tests of `serve` share: a server of their own, and a client that says exactly what it is told to.
#![allow(dead_code, reason = "not every test file uses all of it")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use leasehold::serve::{Options, Server};
use serde_json::Value;
use tokio::sync::oneshot;

/// Says something that is seen although the test passes.
pub(crate) fn say(text: &str) {
    _ = writeln!(std::io::stderr(), "{text}");
}

/// A server that stops when it is dropped.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) kubeconfig: String,
    pub(crate) control: String,
    tokens: BTreeMap<String, String>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TestServer {
    pub(crate) fn start() -> Self {
        Self::start_with(Options::loopback(["n1", "n2", "n3"]))
    }

    pub(crate) fn start_with(options: Options) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (sender, receiver) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let names = options.clients.clone();
                let server = Server::bind(options).await.expect("loopback can be listened on");
                let tokens = names.iter().map(|n| (n.to_string(), server.token(n).unwrap().to_owned()));
                let told = (
                    server.address(),
                    server.kubeconfig(),
                    server.control_token().to_owned(),
                    tokens.collect::<BTreeMap<_, _>>(),
                );
                sender.send(told).unwrap();
                server.run(async { _ = stopped.await }).await;
            });
        });
        let (address, kubeconfig, control, tokens) = receiver.recv().expect("the server starts");
        Self { address, kubeconfig, control, tokens, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn token(&self, client: &str) -> &str {
        &self.tokens[client]
    }

    /// A request of the first client.
    pub(crate) fn ask(&self, method: &str, path: &str) -> Ask {
        self.ask_as("n1", method, path)
    }

    pub(crate) fn ask_as(&self, client: &str, method: &str, path: &str) -> Ask {
        let ask = self.ask_without_token(method, path);
        ask.header("Authorization", &format!("Bearer {}", self.token(client)))
    }

    pub(crate) fn ask_without_token(&self, method: &str, path: &str) -> Ask {
        Ask {
            address: self.address,
            method: method.into(),
            path: path.into(),
            headers: vec![("User-Agent".into(), "recorder/1".into())],
            body: Vec::new(),
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the server panicked");
        }
    }
}

/// A request that is being put together.
pub(crate) struct Ask {
    address: SocketAddr,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// No answer: the connection was closed, or nothing came in time.
pub(crate) type NoAnswer = std::io::Error;

pub(crate) const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
const PATIENCE: Duration = Duration::from_secs(20);

impl Ask {
    /// Sets a header, also over one of the same name.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body(body.to_string()).header("Content-Type", "application/json")
    }

    pub(crate) fn send(self) -> Answer {
        self.try_send(PATIENCE).unwrap_or_else(|error| panic!("no answer: {error}"))
    }

    pub(crate) fn try_send(self, patience: Duration) -> Result<Answer, NoAnswer> {
        let has_body = self.method != "HEAD";
        let mut reader = self.open(patience)?;
        let (status, headers) = read_head(&mut reader)?;
        let mut answer = Answer { status, headers, body: Vec::new() };
        if !has_body {
            return Ok(answer);
        }
        if answer.header("transfer-encoding") == Some("chunked") {
            while let Some(mut chunk) = read_chunk(&mut reader)? {
                answer.body.append(&mut chunk);
            }
        } else {
            let length = answer.header("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
            answer.body.resize(length, 0);
            reader.read_exact(&mut answer.body)?;
        }
        Ok(answer)
    }

    /// Sends it and leaves the answer's body to come.
    pub(crate) fn watch(self) -> Events {
        let mut reader = self.open(PATIENCE).unwrap();
        let (status, _) = read_head(&mut reader).unwrap();
        assert_eq!(status, 200);
        Events { reader, rest: Vec::new() }
    }

    fn open(self, patience: Duration) -> Result<BufReader<TcpStream>, NoAnswer> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_nodelay(true)?;
        let mut head =
            format!("{} {} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !self.body.is_empty() {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        head.push_str("\r\n");
        stream.write_all(&[head.into_bytes(), self.body].concat())?;
        Ok(BufReader::new(stream))
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The texts of the Warning headers.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let all = self.headers.iter().filter(|(name, _)| name == "warning");
        all.map(|(_, value)| {
            let text = value.strip_prefix("299 - \"").and_then(|v| v.strip_suffix('"')).unwrap_or(value);
            text.replace("\\\"", "\"").replace("\\\\", "\\")
        })
        .collect()
    }
}

/// The events of a watch, as they come.
pub(crate) struct Events {
    reader: BufReader<TcpStream>,
    rest: Vec<u8>,
}

impl Events {
    /// The next event; `None` at the end.
    pub(crate) fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.rest.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            self.rest.append(&mut read_chunk(&mut self.reader).unwrap()?);
        }
    }

    /// Whether nothing comes for a while.
    pub(crate) fn is_silent(&mut self, during: Duration) -> bool {
        self.reader.get_ref().set_read_timeout(Some(during)).unwrap();
        let silent = self.rest.is_empty() && read_chunk(&mut self.reader).is_err();
        self.reader.get_ref().set_read_timeout(Some(PATIENCE)).unwrap();
        silent
    }
}

fn read_head(reader: &mut BufReader<TcpStream>) -> Result<(u16, Vec<(String, String)>), NoAnswer> {
    let closed = || NoAnswer::from(std::io::ErrorKind::UnexpectedEof);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(closed)?;
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_lowercase(), value.to_owned())),
            None => return Ok((status, headers)),
        }
    }
}

fn read_chunk(reader: &mut BufReader<TcpStream>) -> Result<Option<Vec<u8>>, NoAnswer> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let Ok(length) = usize::from_str_radix(line.trim(), 16) else {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    };
    let mut chunk = vec![0; length + 2];
    reader.read_exact(&mut chunk)?;
    chunk.truncate(length);
    Ok((length > 0).then_some(chunk))
}
