//! The client's side of HTTP/1.1, as little as the load needs, so that it costs next to nothing
//! beside what is measured.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// Longer than anything measured: only a server that hangs meets it.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(60);
const BUFFER_BYTES: usize = 64 * 1024;

/// One kept-alive connection.
#[derive(Debug)]
pub(super) struct Connection {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens there.
    pub(super) fn open(address: SocketAddr) -> Result<Connection> {
        let socket = TcpStream::connect(address)
            .with_context(|| format!("{address} takes no connection"))?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(ANSWER_WAIT_MAX))?;
        Ok(Connection { socket, buffer: vec![0; BUFFER_BYTES] })
    }

    /// Sends a whole request and gives the answer's status; `seen` gets each piece of its body,
    /// without the framing, as it arrives.
    ///
    /// # Errors
    /// When the connection breaks, or the answer is not what HTTP/1.1 allows.
    pub(super) fn call(&mut self, request: &[u8], mut seen: impl FnMut(&[u8])) -> Result<u16> {
        self.socket.write_all(request).context("the request could not be sent")?;
        let mut filled = 0;
        let head_bytes = loop {
            filled += self.read(filled)?;
            if let Some(at) = find(&self.buffer[..filled], b"\r\n\r\n") {
                break at + 4;
            }
        };
        let head = Head::parse(&self.buffer[..head_bytes])?;
        let mut body = head.framing;
        let mut ended = body.feed(&self.buffer[head_bytes..filled], &mut seen)?;
        while !ended {
            let read = self.read(0)?;
            ended = body.feed(&self.buffer[..read], &mut seen)?;
        }
        Ok(head.status)
    }

    fn read(&mut self, at: usize) -> Result<usize> {
        match self.socket.read(&mut self.buffer[at..]).context("the answer could not be read")? {
            0 => bail!("the connection ended in the middle of an answer"),
            read => Ok(read),
        }
    }
}

/// A POST of JSON with the bench's own headers.
pub(super) fn post(address: SocketAddr, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer sk-bench\r\n\
         Content-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

/// A GET with further headers, each ending in CR LF.
pub(super) fn get(address: SocketAddr, path: &str, headers: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n").into_bytes()
}

/// Where `wanted` begins.
pub(super) fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

struct Head {
    status: u16,
    framing: Framing,
}

impl Head {
    fn parse(bytes: &[u8]) -> Result<Head> {
        let text = std::str::from_utf8(bytes).context("an answer's head is no text")?;
        let mut lines = text.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1)?.parse().ok())
            .with_context(|| format!("this is no answer: {text}"))?;
        for line in lines {
            let Some((name, value)) = line.split_once(':') else { continue };
            if name.eq_ignore_ascii_case("content-length") {
                let left = value.trim().parse().context("an answer's length is no number")?;
                return Ok(Head { status, framing: Framing::Length { left } });
            }
            if name.eq_ignore_ascii_case("transfer-encoding") {
                return Ok(Head { status, framing: Framing::Chunks(Chunks::Size(0)) });
            }
        }
        bail!("an answer without a length: {text}")
    }
}

/// How far a body has been read.
#[derive(Debug)]
enum Framing {
    Length { left: u64 },
    Chunks(Chunks),
}

#[derive(Debug)]
enum Chunks {
    /// In the line that names a chunk's size; so much of it is read.
    Size(u64),
    /// In a chunk of which so much is to come.
    Data(u64),
    /// In the line end after a chunk.
    DataEnd,
    /// In the lines after the last chunk; whether this one is empty so far.
    Trailer { empty: bool },
}

impl Framing {
    /// Takes the next bytes; true when the body has ended.
    fn feed(&mut self, bytes: &[u8], seen: &mut impl FnMut(&[u8])) -> Result<bool> {
        match self {
            Framing::Length { left } => {
                if !bytes.is_empty() {
                    seen(bytes);
                }
                *left = left
                    .checked_sub(bytes.len() as u64)
                    .context("an answer is longer than its head says")?;
                Ok(*left == 0)
            }
            Framing::Chunks(chunks) => chunks.feed(bytes, seen),
        }
    }
}

impl Chunks {
    fn feed(&mut self, mut bytes: &[u8], seen: &mut impl FnMut(&[u8])) -> Result<bool> {
        while let Some((&byte, rest)) = bytes.split_first() {
            match self {
                Chunks::Data(left) => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    seen(&bytes[..here]);
                    bytes = &bytes[here..];
                    *left -= here as u64;
                    if *left == 0 {
                        *self = Chunks::DataEnd;
                    }
                    continue;
                }
                Chunks::Size(size) => match byte {
                    b'\r' => {}
                    b'\n' if *size == 0 => *self = Chunks::Trailer { empty: true },
                    b'\n' => *self = Chunks::Data(*size),
                    _ => {
                        let digit = char::from(byte).to_digit(16);
                        let digit = digit.context("a chunk's size is no number")?;
                        *size = *size * 16 + u64::from(digit);
                    }
                },
                Chunks::DataEnd if byte == b'\n' => *self = Chunks::Size(0),
                Chunks::Trailer { empty: true } if byte == b'\n' => return Ok(true),
                Chunks::Trailer { empty } => *empty = byte == b'\n' || (*empty && byte == b'\r'),
                Chunks::DataEnd => {}
            }
            bytes = rest;
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_read_whatever_the_cuts() {
        let chunked = b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n";
        let with_trailer = b"6\r\nhello!\r\n0\r\nA: b\r\n\r\n";
        for (wire, framing) in [
            (chunked.as_slice(), (|| Framing::Chunks(Chunks::Size(0))) as fn() -> Framing),
            (with_trailer.as_slice(), || Framing::Chunks(Chunks::Size(0))),
            (b"hello!".as_slice(), || Framing::Length { left: 6 }),
        ] {
            for piece_bytes in 1..=wire.len() {
                let (mut body, mut framing) = (Vec::new(), framing());
                let mut ends = Vec::new();
                for piece in wire.chunks(piece_bytes) {
                    let mut seen = |part: &[u8]| body.extend_from_slice(part);
                    ends.push(framing.feed(piece, &mut seen).unwrap());
                }
                assert_eq!(body, b"hello!", "{framing:?} in pieces of {piece_bytes}");
                assert_eq!(ends.iter().position(|&end| end), Some(ends.len() - 1), "{framing:?}");
            }
        }
    }

    #[test]
    fn heads_name_status_and_framing() {
        let head = Head::parse(b"HTTP/1.1 429 Too Many\r\nContent-length: 12\r\n\r\n").unwrap();
        assert_eq!(head.status, 429);
        assert!(matches!(head.framing, Framing::Length { left: 12 }));
        let head = Head::parse(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").unwrap();
        assert!(matches!(head.framing, Framing::Chunks(_)));
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
