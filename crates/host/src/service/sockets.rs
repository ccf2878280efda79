//! Sockets that a service manager opened and handed over, and what it is told in return.

use std::net::{SocketAddr, TcpListener};

/// A socket that is listened with already.
#[derive(Debug)]
pub struct HandedOver {
    /// The socket.
    pub socket: TcpListener,
    /// Where it listens.
    pub address: SocketAddr,
}

/// The socket that was handed over to this process; `None` where none was.
///
/// The environment says so, and is changed by this: call it before there are other threads.
///
/// # Errors
/// One sentence where what was handed over is not one listening TCP socket.
pub fn handed_over() -> Result<Option<HandedOver>, String> {
    let mut sockets = listenfd::ListenFd::from_env();
    match sockets.len() {
        0 => return Ok(None),
        1 => {}
        many => {
            return Err(format!(
                "{many} sockets were handed over by the service manager: give outlay.socket one ListenStream"
            ));
        }
    }
    let wrong = |reason: String| {
        format!(
            "the socket that the service manager handed over cannot be listened with ({reason}): give outlay.socket ListenStream=127.0.0.1:4780"
        )
    };
    let socket = sockets.take_tcp_listener(0).map_err(|error| wrong(error.to_string()))?;
    let Some(socket) = socket else { return Ok(None) };
    let address = socket.local_addr().map_err(|error| wrong(error.to_string()))?;
    if !listens(&socket) {
        return Err(wrong("it is a connection".to_owned()));
    }
    Ok(Some(HandedOver { socket, address }))
}

#[cfg(target_os = "linux")]
fn listens(socket: &TcpListener) -> bool {
    rustix::net::sockopt::socket_acceptconn(socket).unwrap_or(false)
}

#[cfg(not(target_os = "linux"))]
fn listens(_: &TcpListener) -> bool {
    true
}

/// Tells the service manager, where one wants to know, that calls are accepted.
pub fn announce_ready() {
    #[cfg(target_os = "linux")]
    announce(&[sd_notify::NotifyState::Ready]);
}

/// Tells the service manager, where one wants to know, that running calls come to their end.
pub fn announce_stopping() {
    #[cfg(target_os = "linux")]
    announce(&[sd_notify::NotifyState::Stopping]);
}

#[cfg(target_os = "linux")]
fn announce(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(false, states) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}
