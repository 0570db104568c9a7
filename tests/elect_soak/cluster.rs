//! The API server that the elections are held on: one that was started for the test, or somebody's.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use k8s_openapi::api::coordination::v1::Lease;
use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};

use super::proxy::{Leg, Proxy};

/// Who deletes the Lease; no fault is aimed at it.
const THIRD_PARTY: &str = "third-party";

pub(crate) enum Cluster {
    /// `leasehold serve`: faults are its own.
    Served(Served),
    /// Another: each replica has a way to it that can be cut.
    Given { kubeconfig: PathBuf, ways: Vec<Way> },
}

/// A server that was started for the test.
pub(crate) struct Served {
    process: Child,
    pub(crate) kubeconfig: PathBuf,
    address: String,
    control_token: String,
}

pub(crate) struct Way {
    proxy: Proxy,
    kubeconfig: PathBuf,
}

impl Cluster {
    /// The one that LEASEHOLD_TEST_KUBECONFIG names, or one of our own.
    pub(crate) fn new(folder: &Path, replicas: usize) -> Self {
        if let Some(given) = std::env::var_os("LEASEHOLD_TEST_KUBECONFIG") {
            return Self::given(given.into(), folder, replicas);
        }
        // Said so that it is seen although the test passes.
        _ = writeln!(
            std::io::stderr(),
            "LEASEHOLD_TEST_KUBECONFIG is not set: `leasehold serve` is the cluster"
        );
        Self::Served(Served::start(folder, replicas))
    }

    /// The one of this kubeconfig's current context.
    pub(crate) fn given(kubeconfig: PathBuf, folder: &Path, replicas: usize) -> Self {
        let way = |n| Way::new(&kubeconfig, folder.join(format!("way-{n}")));
        let ways = (0..replicas).map(way).collect();
        Self::Given { kubeconfig, ways }
    }

    pub(crate) fn is_served(&self) -> bool {
        matches!(self, Self::Served(_))
    }

    /// How a replica reaches it.
    pub(crate) fn arguments(&self, replica: usize) -> Vec<String> {
        let file = |path: &Path| path.to_str().unwrap().to_owned();
        match self {
            Self::Served(served) => {
                vec![
                    "--kubeconfig".into(),
                    file(&served.kubeconfig),
                    "--context".into(),
                    format!("n{replica}"),
                ]
            }
            Self::Given { ways, .. } => vec!["--kubeconfig".into(), file(&ways[replica].kubeconfig)],
        }
    }

    /// Holds back what a replica sends, or what is sent to it.
    pub(crate) fn hold(&self, replica: usize, leg: Leg) {
        match self {
            Self::Served(served) => {
                let leg = if leg == Leg::Request { "request" } else { "response" };
                served.begin(&format!("{{link: {{who: n{replica}, leg: {leg}, effect: hang}}, for: 1h}}"));
            }
            Self::Given { ways, .. } => ways[replica].proxy.hold(leg),
        }
    }

    /// Begins a fault of `serve`.
    pub(crate) fn begin(&self, fault: &str) {
        match self {
            Self::Served(served) => served.begin(fault),
            Self::Given { .. } => panic!("no fault can be asked of this server"),
        }
    }

    /// Ends all faults.
    pub(crate) fn mend(&self) {
        match self {
            Self::Served(served) => served.control("DELETE", ""),
            Self::Given { ways, .. } => ways.iter().for_each(|way| way.proxy.release()),
        }
    }

    pub(crate) fn delete_lease(&self, name: &str) {
        let (file, context) = match self {
            Self::Served(served) => (&served.kubeconfig, Some(THIRD_PARTY.to_owned())),
            Self::Given { kubeconfig, .. } => (kubeconfig, None),
        };
        let file = Kubeconfig::read_from(file).unwrap();
        block_on(async {
            let options = KubeConfigOptions { context, ..Default::default() };
            let config = Config::from_custom_kubeconfig(file, &options).await.unwrap();
            let namespace = config.default_namespace.clone();
            let leases = kube::Api::<Lease>::namespaced(kube::Client::try_from(config).unwrap(), &namespace);
            leases.delete(name, &kube::api::DeleteParams::default()).await.unwrap();
        });
    }
}

impl Way {
    /// A proxy, and a kubeconfig that leads through it to the given one's server.
    fn new(given: &Path, kubeconfig: PathBuf) -> Self {
        let mut file = Kubeconfig::read_from(given).unwrap();
        let config =
            block_on(Config::from_custom_kubeconfig(file.clone(), &KubeConfigOptions::default())).unwrap();
        let server = config.cluster_url;
        let host = server.host().expect("the server has a host");
        let is_https = server.scheme_str() == Some("https");
        let port = server.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let proxy = Proxy::start(format!("{host}:{port}")).unwrap();
        let current = file.current_context.clone().expect("there is a current context");
        let context = file.contexts.iter().find(|named| named.name == current).expect("it is there");
        let cluster = &context.context.as_ref().expect("it says something").cluster;
        let named = file.clusters.iter_mut().find(|named| named.name == *cluster).expect("it is there");
        let cluster = named.cluster.as_mut().expect("it says something");
        let scheme = if is_https { "https" } else { "http" };
        cluster.server = Some(format!("{scheme}://{}{}", proxy.address, server.path().trim_end_matches('/')));
        if is_https {
            // The certificate is the server's.
            let name = host.trim_start_matches('[').trim_end_matches(']');
            cluster.tls_server_name.get_or_insert_with(|| name.to_owned());
        }
        std::fs::write(&kubeconfig, serde_json::to_string(&file).unwrap()).unwrap();
        Self { proxy, kubeconfig }
    }
}

impl Served {
    pub(crate) fn start(folder: &Path, replicas: usize) -> Self {
        let (kubeconfig, token) = (folder.join("kubeconfig"), folder.join("control"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_leasehold"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--client", THIRD_PARTY]);
        for replica in 0..replicas {
            command.arg(format!("--client=n{replica}"));
        }
        command.arg("--kubeconfig-out").arg(&kubeconfig).arg("--control-token-out").arg(&token);
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stderr.take().unwrap()).read_line(&mut line).unwrap();
        let (_, address) = line.trim().rsplit_once("http://").unwrap_or_else(|| panic!("{line}"));
        let control_token = std::fs::read_to_string(token).unwrap().trim().to_owned();
        Self { process, kubeconfig, address: address.to_owned(), control_token }
    }

    fn begin(&self, fault: &str) {
        self.control("POST", fault);
    }

    /// Asks the control endpoint.
    fn control(&self, method: &str, body: &str) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (length, token) = (body.len(), &self.control_token);
        write!(
            stream,
            "{method} /control/faults HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
