//! One provider's host: its connections, and requests on them.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::{HOST, PROXY_AUTHORIZATION};
use http::uri::{Authority, Parts, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use url::{Host as Name, Url};

use super::answer::AnswerBody;
use super::dial::{AnyError, Destination, Dialed, Dialer, Forwarder};
use super::idle::Idle;
use super::line::Line;
use super::outgoing::Outgoing;
use crate::dispatch::{Dispatch, NotedBody};

/// How long a connection may take, keys exchanged and all.
const CONNECT_MAX: Duration = Duration::from_secs(15);
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_WAIT_MAX: Duration = Duration::from_secs(20);

/// One provider's host.
#[derive(Debug)]
pub(super) struct Host {
    scheme: Scheme,
    authority: Authority,
    /// What it is called in a request.
    name: HeaderValue,
    destination: Destination,
    idle: Arc<Idle>,
    http2: Mutex<Http2>,
    /// Held while the connection is made that may be for all.
    connecting: tokio::sync::Mutex<()>,
}

/// Whether one connection carries many calls, as far as is known.
#[derive(Debug, Default)]
enum Http2 {
    #[default]
    Unknown,
    Absent,
    /// It does, or did.
    Over(SendRequest<NotedBody>),
}

/// Why a host gave no answer.
pub(super) enum Unanswered {
    /// There is no connection to it.
    Unreached(AnyError),
    /// Its connection was over before anything was sent.
    Untaken(hyper::Error),
    /// It took the request, as far as is known.
    Broken(hyper::Error),
}

enum Connection {
    Line(Line),
    Shared(SendRequest<NotedBody>),
}

impl Host {
    /// The host of a provider's address; `None` where it has none.
    pub(super) fn of(url: &Url) -> Option<Host> {
        let host = url.host_str()?;
        // Without the port that its scheme has anyway, and without a user.
        let name = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let scheme: Scheme = url.scheme().parse().ok()?;
        let authority: Authority = name.parse().ok()?;
        let is_loopback = is_loopback(url);
        let uri = whole(&scheme, &authority, PathAndQuery::from_static("/"));
        Some(Host {
            scheme,
            authority,
            name: HeaderValue::from_str(&name).ok()?,
            destination: Destination { uri, is_loopback },
            idle: Arc::default(),
            http2: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
        })
    }

    /// Sends a request and waits for the head of its answer. Sends again by itself only what a
    /// connection that had idled did not take.
    pub(super) async fn send(
        &self,
        dialer: &Dialer,
        outgoing: &mut Outgoing,
        dispatch: &Dispatch,
    ) -> Result<Response<AnswerBody>, Unanswered> {
        loop {
            let (connection, is_new) = match self.idle.take() {
                Some(line) => (Connection::Line(line), false),
                None => self.connect(dialer).await.map_err(Unanswered::Unreached)?,
            };
            if outgoing.body.is_empty() {
                // Nothing will be asked for.
                dispatch.leaves();
            }
            let sent = match connection {
                Connection::Line(line) => {
                    let request = self.request(outgoing, line.forwarder(), dispatch);
                    let sent = line.send(request).await;
                    sent.map(|(answer, line)| AnswerBody::of(answer, line, self.idle.clone()))
                }
                Connection::Shared(mut sender) => {
                    let request = self.shared_request(outgoing, dispatch);
                    let sent = sender.try_send_request(request).await;
                    sent.map(|answer| answer.map(AnswerBody::shared))
                }
            };
            let mut error = match sent {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let Some(untaken) = error.take_message() else {
                return Err(Unanswered::Broken(error.into_error()));
            };
            if is_new {
                return Err(Unanswered::Untaken(error.into_error()));
            }
            outgoing.headers = untaken.into_parts().0.headers;
        }
    }

    /// A connection, and whether it is new.
    async fn connect(&self, dialer: &Dialer) -> Result<(Connection, bool), AnyError> {
        let silent = |_| format!("no connection within {} seconds", CONNECT_MAX.as_secs());
        let connecting = async {
            if let Some(sender) = self.shared() {
                return Ok((Connection::Shared(sender), false));
            }
            // Of many calls at once one finds out whether they can share.
            let mut first = None;
            if self.scheme == Scheme::HTTPS && !matches!(*self.http2(), Http2::Absent) {
                first = Some(self.connecting.lock().await);
                if let Some(sender) = self.shared() {
                    return Ok((Connection::Shared(sender), false));
                }
            }
            if matches!(*self.http2(), Http2::Absent) {
                first = None;
            }
            let dialed = dialer.dial(&self.destination).await?;
            let connection = self.opened(dialed).await?;
            drop(first);
            Ok((connection, true))
        };
        tokio::time::timeout(CONNECT_MAX, connecting).await.map_err(silent)?
    }

    async fn opened(&self, dialed: Dialed) -> Result<Connection, AnyError> {
        if !dialed.is_http2 {
            *self.http2() = Http2::Absent;
            return Ok(Connection::Line(Line::new(dialed.io, dialed.forwarder).await?));
        }
        let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .adaptive_window(true)
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_WAIT_MAX)
            .handshake(dialed.io)
            .await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to a provider ended early");
            }
        });
        sender.ready().await?;
        *self.http2() = Http2::Over(sender.clone());
        Ok(Connection::Shared(sender))
    }

    /// The connection for all, if there is one.
    fn shared(&self) -> Option<SendRequest<NotedBody>> {
        match &*self.http2() {
            Http2::Over(sender) if !sender.is_closed() => Some(sender.clone()),
            _ => None,
        }
    }

    fn http2(&self) -> MutexGuard<'_, Http2> {
        self.http2.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The request as a connection of its own gets it.
    fn request(
        &self,
        outgoing: &mut Outgoing,
        forwarder: Option<&Forwarder>,
        dispatch: &Dispatch,
    ) -> Request<NotedBody> {
        let mut headers = std::mem::take(&mut outgoing.headers);
        headers.insert(HOST, self.name.clone());
        let target = outgoing.url.target.clone();
        let uri = match forwarder {
            None => Uri::from(target),
            Some(Forwarder { authorization }) => {
                if let Some(authorization) = authorization {
                    headers.insert(PROXY_AUTHORIZATION, authorization.clone());
                }
                whole(&self.scheme, &self.authority, target)
            }
        };
        outgoing.request(uri, headers, dispatch)
    }

    /// The request as a connection for all gets it, which may give it back after it was taken.
    fn shared_request(&self, outgoing: &Outgoing, dispatch: &Dispatch) -> Request<NotedBody> {
        let mut headers = outgoing.headers.clone();
        headers.remove(HOST);
        let uri = whole(&self.scheme, &self.authority, outgoing.url.target.clone());
        outgoing.request(uri, headers, dispatch)
    }
}

fn whole(scheme: &Scheme, authority: &Authority, target: PathAndQuery) -> Uri {
    let mut parts = Parts::default();
    parts.scheme = Some(scheme.clone());
    parts.authority = Some(authority.clone());
    parts.path_and_query = Some(target);
    // Never fails: all three are there.
    Uri::from_parts(parts).unwrap_or_default()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Name::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Name::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Name::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for (url, name, is_loopback) in [
            ("http://127.0.0.1:11434/", "127.0.0.1:11434", true),
            ("http://localhost/", "localhost", true),
            ("http://[::1]:9/", "[::1]:9", true),
            ("https://api.openai.com:443/v1", "api.openai.com", false),
            ("https://user:secret@llm.example.com:8443", "llm.example.com:8443", false),
            ("http://192.168.0.1/", "192.168.0.1", false),
            ("http://127.example.com/", "127.example.com", false),
        ] {
            let host = Host::of(&Url::parse(url).unwrap()).unwrap();
            assert_eq!(host.name, name, "{url}");
            assert_eq!(host.destination.is_loopback, is_loopback, "{url}");
        }
    }
}
