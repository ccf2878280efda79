//! The proxy that runs already: found by what it wrote down, and made to prove that it knows the
//! token before anything is sent to it. A stranger on the port learns nothing.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::folders::{FolderError, Folders, Running};

const CONNECT_MAX: Duration = Duration::from_millis(500);
const ANSWER_MAX: Duration = Duration::from_secs(5);
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// A running proxy of this user's.
pub struct Proxy {
    running: Running,
    token: String,
}

/// Why no proxy can be spoken to.
#[derive(Debug, thiserror::Error)]
pub enum RunningError {
    /// The token cannot be had.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// What answers is not ours.
    #[error(
        "what answers at {address} does not know this user's token, so it was told nothing: find out what it is, or start outlay serve on another port"
    )]
    Stranger {
        /// Where it answers.
        address: SocketAddr,
    },
    /// It does not answer as it should.
    #[error("the proxy at {address} did not answer ({reason}): restart it with outlay serve")]
    Silent {
        /// Where it should answer.
        address: SocketAddr,
        /// What went wrong.
        reason: String,
    },
    /// It refused what was asked.
    #[error("the proxy at {address} refused ({status}): {message}")]
    Refused {
        /// Where it answers.
        address: SocketAddr,
        /// Its HTTP status.
        status: u16,
        /// Its sentence.
        message: String,
    },
}

/// The running proxy, proved to be this user's; `None` where none runs.
///
/// # Errors
/// When something else answers in its place, or the token cannot be read.
pub fn find(folders: &Folders) -> Result<Option<Proxy>, RunningError> {
    let Some(running) = folders.running() else { return Ok(None) };
    let address = reachable(running.address);
    // Nobody there: it ended without tidying up.
    if TcpStream::connect_timeout(&address, CONNECT_MAX).is_err() {
        return Ok(None);
    }
    let token = folders.token()?;
    let challenge = challenge()?;
    let body = json!({ "challenge": hex::encode(challenge) });
    let stranger = || RunningError::Stranger { address };
    let (status, answer) = post(address, "/api/v1/prove", None, &body).map_err(|_| stranger())?;
    let proof = answer.get("proof").and_then(Value::as_str).unwrap_or_default();
    let expected = proof_of(&token, running.address, &challenge);
    if status == 200 && bool::from(proof.as_bytes().ct_eq(expected.as_bytes())) {
        Ok(Some(Proxy { running, token }))
    } else {
        Err(stranger())
    }
}

/// What who knows the token answers to a challenge: the HMAC-SHA-256 of it and of its own address
/// under the token, in hex. A stranger cannot pass on what the real proxy answers elsewhere.
fn proof_of(token: &str, address: SocketAddr, challenge: &[u8]) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(token.as_bytes()) else {
        return String::new();
    };
    mac.update(challenge);
    mac.update(address.to_string().as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

impl Proxy {
    /// What it wrote of itself.
    #[must_use]
    pub fn running(&self) -> &Running {
        &self.running
    }

    /// Where to call it: `http://127.0.0.1:4780`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", reachable(self.running.address))
    }

    /// A fresh code by which a browser gets in: good once, for a minute.
    ///
    /// # Errors
    /// When it does not answer, or refuses.
    pub fn login_code(&self) -> Result<String, RunningError> {
        let answer = self.post("/api/v1/login-codes", &json!({}))?;
        let code = answer.get("code").and_then(Value::as_str);
        code.map(str::to_owned).ok_or_else(|| RunningError::Silent {
            address: reachable(self.running.address),
            reason: "it gave no login code".to_owned(),
        })
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, RunningError> {
        let address = reachable(self.running.address);
        let (status, answer) = post(address, path, Some(&self.token), body)
            .map_err(|error| RunningError::Silent { address, reason: error.to_string() })?;
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        let message = answer.get("message").and_then(Value::as_str).unwrap_or("no reason given");
        Err(RunningError::Refused { address, status, message: message.to_owned() })
    }
}

impl std::fmt::Debug for Proxy {
    /// Without the token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Proxy").field(&self.running).finish()
    }
}

/// Where a server that listens on `address` is called from this machine.
#[must_use]
pub fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn challenge() -> Result<[u8; 32], FolderError> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(FolderError::Random)?;
    Ok(bytes)
}

/// One request on a connection of its own. The answer's body is `Null` where it is no JSON.
fn post(
    address: SocketAddr,
    path: &str,
    token: Option<&str>,
    body: &Value,
) -> std::io::Result<(u16, Value)> {
    let mut stream = TcpStream::connect_timeout(&address, CONNECT_MAX)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    stream.set_write_timeout(Some(ANSWER_MAX))?;
    let body = body.to_string();
    let authorization =
        token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n{authorization}\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    parse_answer(&answer)
        .ok_or_else(|| std::io::Error::new(std::io::ErrorKind::InvalidData, "no HTTP answer"))
}

fn parse_answer(answer: &[u8]) -> Option<(u16, Value)> {
    let text = std::str::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_str(body).unwrap_or(Value::Null)))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use chrono::DateTime;

    use super::*;

    /// A server that answers a proof made of `token`, then a login code.
    fn serve(token: &'static str) -> (SocketAddr, std::thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let mut requests = Vec::new();
            for mut stream in listener.incoming().map(Result::unwrap) {
                let mut buffer = [0; 4096];
                let length = stream.read(&mut buffer).unwrap();
                if length == 0 {
                    continue;
                }
                let request = String::from_utf8(buffer[..length].to_vec()).unwrap();
                let body: Value =
                    serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
                let answer = match body["challenge"].as_str() {
                    Some(challenge) => {
                        let challenge = hex::decode(challenge).unwrap();
                        json!({"proof": proof_of(token, address, &challenge)})
                    }
                    None => json!({"code": "c0de"}),
                };
                let is_last = body["challenge"].is_null() || token == "wrong";
                let answer = answer.to_string();
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", answer.len());
                stream.write_all((head + &answer).as_bytes()).unwrap();
                requests.push(request);
                if is_last {
                    break;
                }
            }
            requests
        });
        (address, server)
    }

    fn folders_with(token: &str, address: SocketAddr) -> (tempfile::TempDir, Folders) {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().to_owned();
        let folders = Folders::new(Some(data.clone()), Some(data.join("outlay.toml"))).unwrap();
        std::fs::write(data.join("token"), token).unwrap();
        let started_at = DateTime::UNIX_EPOCH;
        let running = Running { address, pid: 1, started_at, version: "0.1.0".to_owned() };
        folders.set_running(&running).unwrap();
        (folder, folders)
    }

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn our_own_proxy_proves_itself_before_it_gets_the_token() {
        let (address, server) = serve(TOKEN);
        let (_folder, folders) = folders_with(TOKEN, address);
        let proxy = find(&folders).unwrap().unwrap();
        assert_eq!(proxy.base_url(), format!("http://{address}"));
        assert_eq!(proxy.login_code().unwrap(), "c0de");
        let requests = server.join().unwrap();
        assert!(!requests[0].contains(TOKEN) && requests[1].contains(TOKEN), "{requests:?}");
    }

    #[test]
    fn a_stranger_learns_nothing() {
        let (address, server) = serve("wrong");
        let (_folder, folders) = folders_with(TOKEN, address);
        let error = find(&folders).unwrap_err().to_string();
        assert!(error.contains("does not know this user's token"), "{error}");
        assert!(!server.join().unwrap().concat().contains(TOKEN));
    }

    #[test]
    fn a_proxy_that_is_gone_is_none() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (_folder, folders) = folders_with(TOKEN, closed);
        assert!(find(&folders).unwrap().is_none());
        folders.clear_running(&folders.running().unwrap());
        assert!(find(&folders).unwrap().is_none());
    }

    #[test]
    fn a_server_on_all_addresses_is_called_on_loopback() {
        for (listens, called) in [
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("[::]:1", "[::1]:1"),
            ("127.0.0.1:2", "127.0.0.1:2"),
            ("192.168.1.2:3", "192.168.1.2:3"),
        ] {
            assert_eq!(reachable(listens.parse().unwrap()).to_string(), called);
        }
    }

    #[test]
    fn a_proof_needs_the_token_the_address_and_the_challenge() {
        let here: SocketAddr = "127.0.0.1:4780".parse().unwrap();
        let there: SocketAddr = "127.0.0.1:4781".parse().unwrap();
        let proof = proof_of(TOKEN, here, b"a");
        assert_eq!(proof.len(), 64);
        for other in
            [proof_of(TOKEN, here, b"b"), proof_of(TOKEN, there, b"a"), proof_of("x", here, b"a")]
        {
            assert_ne!(proof, other);
        }
    }
}
