//! Where a proxy listens: on an address, on the next one that is free, or with the service's socket.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use outlay_host::service::{self, HandedOver};
use outlay_host::{port, running};
use outlay_proxy::{App, BindError, Server};

use crate::failure::Failure;
use crate::session::Session;

/// How many ports after a taken one are tried.
const PORTS_TRIED: u16 = 50;

/// Where a proxy is to listen, and how it ends.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    /// One that is open already.
    pub(crate) socket: Option<TcpListener>,
    /// Whether other machines may reach it.
    pub(crate) expose: bool,
    /// How long running calls may take to end.
    pub(crate) drain: Option<Duration>,
}

impl Listening {
    /// On this address, for this machine only.
    pub(crate) fn on(address: SocketAddr) -> Listening {
        Listening { address, socket: None, expose: false, drain: None }
    }

    /// With the socket that was handed over, which says where; what is to be told of that.
    pub(crate) fn with_socket(self, handed: HandedOver) -> (Listening, Option<String>) {
        let HandedOver { socket, address } = handed;
        let told = (self.address != address).then(|| {
            format!(
                "listening on {address}, which the service manager handed over, and not on {}, as configured: outlay service install moves the service there",
                self.address
            )
        });
        (Listening { address, socket: Some(socket), ..self }, told)
    }

    /// On its port, or the next one that is free; what is to be told of that.
    pub(crate) fn on_any_port(self) -> Result<(Listening, Option<String>), Failure> {
        let wanted = self.address;
        if !self.expose && !wanted.ip().is_loopback() {
            return Ok((self, None));
        }
        let last = wanted.port().saturating_add(PORTS_TRIED);
        for port in wanted.port()..=last {
            let address = SocketAddr::new(wanted.ip(), port);
            match TcpListener::bind(address) {
                Ok(socket) => {
                    let told = (port != wanted.port() && wanted.port() != 0).then(|| {
                        format!("{wanted} is taken{}: listening on {address}", by(wanted))
                    });
                    return Ok((Listening { address, socket: Some(socket), ..self }, told));
                }
                Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {}
                Err(error) => {
                    return Err(Failure::failed(format!(
                        "{address} cannot be listened on ({error}): choose another address with --listen"
                    )));
                }
            }
        }
        Err(Failure::failed(format!(
            "{wanted} and the {PORTS_TRIED} ports after it are taken: listen elsewhere with --listen 127.0.0.1:0"
        )))
    }

    /// Listens.
    pub(crate) async fn server(self, app: App, session: &Session) -> Result<Server, Failure> {
        let bound = match self.socket {
            Some(socket) => Server::handed_over(app, socket),
            None => Server::bind(app).await,
        };
        let server = bound.map_err(|error| match error {
            BindError::Taken { address, .. } => Failure::Failed(taken(address, session)),
            other => Failure::failed(other),
        })?;
        Ok(match self.drain {
            Some(drain) => server.with_drain(drain),
            None => server,
        })
    }
}

fn by(address: SocketAddr) -> String {
    port::holder(address).map(|holder| format!(" by {holder}")).unwrap_or_default()
}

/// Who has the port, and what can be done.
fn taken(address: SocketAddr, session: &Session) -> String {
    let ours = running::find(&session.folders).ok().flatten();
    let is_ours = ours.is_some_and(|proxy| running::reachable(proxy.running().address) == address);
    taken_sentence(address, &by(address), service::holds(address), is_ours)
}

fn taken_sentence(address: SocketAddr, by: &str, is_service: bool, is_ours: bool) -> String {
    let elsewhere = "listen elsewhere with --any-port";
    match (is_service, is_ours) {
        (true, _) => format!(
            "{address} is the service's, which starts by itself (outlay service status): use that, or {elsewhere}"
        ),
        (false, true) => {
            format!("{address} is taken{by}, a proxy on this very ledger: use that, or {elsewhere}")
        }
        (false, false) => format!("{address} is taken{by}: stop that, or {elsewhere}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_the_port() {
        let address = "127.0.0.1:4780".parse().unwrap();
        for (is_service, is_ours, part) in [
            (true, true, "is the service's"),
            (true, false, "is the service's"),
            (false, true, "by outlay (process 1), a proxy on this very ledger"),
            (false, false, "by outlay (process 1): stop that"),
        ] {
            let sentence = taken_sentence(address, " by outlay (process 1)", is_service, is_ours);
            assert!(sentence.contains(part) && sentence.contains("--any-port"), "{sentence}");
        }
    }

    #[test]
    fn the_next_free_port_is_taken() {
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let wanted = held.local_addr().unwrap();
        let (listening, told) = Listening::on(wanted).on_any_port().unwrap();
        let found = listening.socket.unwrap().local_addr().unwrap();
        assert!(found != wanted && found == listening.address);
        assert!(told.unwrap().contains(&wanted.to_string()));
        drop(held);
    }

    #[test]
    fn a_socket_elsewhere_is_told() {
        let handed = || {
            let socket = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = socket.local_addr().unwrap();
            HandedOver { socket, address }
        };
        let same = handed();
        let (_, told) = Listening::on(same.address).with_socket(same);
        assert_eq!(told, None);
        let (listening, told) = Listening::on("127.0.0.1:1".parse().unwrap()).with_socket(handed());
        assert!(told.unwrap().contains(&listening.address.to_string()));
    }
}
