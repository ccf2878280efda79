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

use crate::app::App;
use crate::guard;
use crate::reply::{self, Failure};
use crate::{api, call};

/// How long a client may take for the head of a request, and a connection may idle.
const HEAD_MAX: Duration = Duration::from_secs(75);
/// The longest head of a request, and what is read of one at a time.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// How long running calls may take to end when the process stops.
const DRAIN_MAX: Duration = Duration::from_secs(10);
/// How long their settlement may take after that.
const SETTLE_MAX: Duration = Duration::from_secs(3);

/// A listening Outlay that does not answer yet.
#[derive(Debug)]
pub struct Server {
    app: App,
    listener: TcpListener,
    address: SocketAddr,
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
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        app.set_address(address);
        Ok(Server { app, listener, address })
    }

    /// The address that is listened on, with the port that was picked.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `shutdown` ends; then lets running calls end, and settles what does not.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Server { app, listener, .. } = self;
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
        drain(&app, graceful).await;
    }
}

fn serve(app: &App, local: &Router, stream: TcpStream, graceful: &GracefulShutdown) {
    // Without it small pieces of a stream would wait for each other.
    drop(stream.set_nodelay(true));
    let (app, local) = (app.clone(), local.clone());
    let service = service_fn(move |request| answer(app.clone(), local.clone(), request));
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
) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path();
    if api::serves(path) {
        let response = local.oneshot(request.map(Body::new)).await;
        return Ok(response.unwrap_or_else(|never| match never {}));
    }
    let (headers, target) = (request.headers(), request.uri().authority());
    let allowed_hosts = &app.settings().allowed_hosts;
    if let Err(denial) = guard::check(headers, target, app.address(), allowed_hosts) {
        let failure = Failure { status: 403, code: denial.code(), message: denial.to_string() };
        return Ok(reply::failed(&failure, Dialect::of_path(path).unwrap_or(Dialect::Other)));
    }
    Ok(call::handle(app, request).await)
}

/// Lets what runs come to its end, for a while; what does not is settled as an estimate.
async fn drain(app: &App, graceful: GracefulShutdown) {
    app.running().close();
    let ended = async {
        tokio::join!(graceful.shutdown(), app.running().wait());
    };
    if tokio::time::timeout(DRAIN_MAX, ended).await.is_err() {
        app.stopping().cancel();
        drop(tokio::time::timeout(SETTLE_MAX, app.running().wait()).await);
    }
}
