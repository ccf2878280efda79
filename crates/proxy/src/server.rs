//! Accepts connections on loopback and hands each request to the API or to the proxy.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use outlay_wire::Dialect;
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

use crate::api::FromAfar;
use crate::app::App;
use crate::guard;
use crate::reply::{self, Failure};
use crate::{api, call};

/// How long a client may take for the head of a request, and a connection may idle.
const HEAD_MAX: Duration = Duration::from_secs(75);
/// The longest head of a request, and what is read of one at a time.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// How long running calls may take to end when the process stops, unless told otherwise.
const DRAIN_MAX: Duration = Duration::from_secs(10);
/// How long connections without a call may take: a request may be on its way.
const QUIET_MAX: Duration = Duration::from_secs(2);
/// How long their settlement may take after that.
const SETTLE_MAX: Duration = Duration::from_secs(3);

/// A listening Outlay that does not answer yet.
#[derive(Debug)]
pub struct Server {
    app: App,
    listener: TcpListener,
    address: SocketAddr,
    drain_max: Duration,
}

/// Why nobody can be listened to.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else has the port.
    #[error(
        "{address} is taken{}: stop that, or listen elsewhere with --listen 127.0.0.1:0",
        holder.as_ref().map(|holder| format!(" by {holder}")).unwrap_or_default()
    )]
    Taken {
        /// The address.
        address: SocketAddr,
        /// Who has it, where that can be told.
        holder: Option<String>,
    },
    /// Other machines would reach it, and nobody said that they may.
    #[error(
        "{address} can be reached from other machines, and whoever reaches it could spend on your keys: listen on 127.0.0.1:{}, or add --expose if that is meant",
        address.port()
    )]
    Exposed {
        /// The address.
        address: SocketAddr,
    },
    /// The system does not let us.
    #[error("{address} cannot be listened on ({reason}): choose another address with --listen")]
    Refused {
        /// The address.
        address: SocketAddr,
        /// The system's word.
        reason: String,
    },
}

impl Server {
    /// Listens on the address of the settings.
    ///
    /// # Errors
    /// One sentence; it says who holds the port where that can be told.
    pub async fn bind(app: App) -> Result<Server, BindError> {
        let address = app.settings().listen;
        let refused = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                BindError::Taken { address, holder: crate::holder::of_port(address) }
            }
            _ => BindError::Refused { address, reason: error.to_string() },
        };
        if !app.settings().expose && !address.ip().to_canonical().is_loopback() {
            return Err(BindError::Exposed { address });
        }
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Server::answering(app, listener, address))
    }

    /// Listens with a socket that somebody else opened, and keeps open when this process ends.
    ///
    /// # Errors
    /// One sentence where it cannot be listened with.
    pub fn handed_over(app: App, socket: std::net::TcpListener) -> Result<Server, BindError> {
        let address = app.settings().listen;
        let refused =
            |error: std::io::Error| BindError::Refused { address, reason: error.to_string() };
        let address = socket.local_addr().map_err(refused)?;
        if !app.settings().expose && !address.ip().to_canonical().is_loopback() {
            return Err(BindError::Exposed { address });
        }
        socket.set_nonblocking(true).map_err(refused)?;
        let listener = TcpListener::from_std(socket).map_err(refused)?;
        Ok(Server::answering(app, listener, address))
    }

    fn answering(app: App, listener: TcpListener, address: SocketAddr) -> Server {
        app.set_address(address);
        Server { app, listener, address, drain_max: DRAIN_MAX }
    }

    /// With so long for running calls to end when it stops.
    #[must_use]
    pub fn with_drain(self, drain_max: Duration) -> Server {
        Server { drain_max, ..self }
    }

    /// The address that is listened on, with the port that was picked.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `shutdown` ends; then lets running calls end, and settles what does not.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Server { app, listener, drain_max, .. } = self;
        let local = api::router(app.clone());
        let warming = app.clone();
        tokio::spawn(async move { warming.upstream().warm_up().await });
        let graceful = GracefulShutdown::new();
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => serve(&app, &local, stream, &graceful),
                    Err(error) => {
                        // Out of file handles, most likely: some will come back.
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                },
            }
        }
        drop(listener);
        drain(&app, graceful, drain_max).await;
    }
}

fn serve(app: &App, local: &Router, stream: TcpStream, graceful: &GracefulShutdown) {
    // Without it small pieces of a stream would wait for each other.
    drop(stream.set_nodelay(true));
    // Who came in over the network, where that was allowed.
    let is_remote =
        stream.local_addr().is_ok_and(|address| !address.ip().to_canonical().is_loopback());
    let (app, local) = (app.clone(), local.clone());
    let service = service_fn(move |request| answer(app.clone(), local.clone(), request, is_remote));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service);
    let watched = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = watched.await {
            tracing::debug!(%error, "a connection ended early");
        }
    });
}

async fn answer(
    app: App,
    local: Router,
    request: Request<Incoming>,
    is_remote: bool,
) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path();
    // The API looks at who asks by itself, and answers in its own form.
    let is_api = api::serves(path);
    if is_remote || !is_api {
        let check = if is_remote { guard::check_remote } else { guard::check };
        let (headers, target) = (request.headers(), request.uri().authority());
        let allowed_hosts = &app.settings().allowed_hosts;
        if let Err(denial) = check(headers, target, app.address(), allowed_hosts) {
            let failure = Failure { status: 403, code: denial.code(), message: denial.to_string() };
            return Ok(reply::failed(&failure, Dialect::of_path(path).unwrap_or(Dialect::Other)));
        }
    }
    if is_api {
        let mut request = request.map(Body::new);
        if is_remote {
            request.extensions_mut().insert(FromAfar);
        }
        let response = local.oneshot(request).await;
        return Ok(response.unwrap_or_else(|never| match never {}));
    }
    Ok(call::handle(app, request).await)
}

/// Lets what runs come to its end, for a while; what does not is settled as an estimate.
async fn drain(app: &App, graceful: GracefulShutdown, drain_max: Duration) {
    app.running().close();
    let ended = async {
        let mut connections = pin!(graceful.shutdown());
        loop {
            app.running().wait().await;
            // A connection on which nothing was asked yet holds nobody up for long.
            let closed = tokio::time::timeout(QUIET_MAX, &mut connections).await.is_ok();
            if closed || app.running().is_empty() {
                break;
            }
        }
    };
    if tokio::time::timeout(drain_max, ended).await.is_err() {
        app.stopping().cancel();
        drop(tokio::time::timeout(SETTLE_MAX, app.running().wait()).await);
    }
}
