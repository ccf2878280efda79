//! A raw HTTP/1.1 client: what came, byte for byte, and when.
//!
//! It undoes the transfer's framing (lengths and chunks) and nothing else: a compressed body stays
//! compressed.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::wait::PATIENCE;

/// One request, sent exactly as described.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    patience: Duration,
}

impl Request {
    /// Any request; `target` is path and query.
    #[must_use]
    pub fn new(method: &str, target: &str) -> Request {
        Request {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            patience: PATIENCE,
        }
    }

    /// How long it may hear nothing, instead of [`PATIENCE`].
    #[must_use]
    pub fn patient(mut self, patience: Duration) -> Request {
        self.patience = patience;
        self
    }

    /// A GET.
    #[must_use]
    pub fn get(target: &str) -> Request {
        Request::new("GET", target)
    }

    /// A POST of JSON.
    #[must_use]
    pub fn post(target: &str, body: &Value) -> Request {
        Request::new("POST", target)
            .header("content-type", "application/json")
            .body(body.to_string().into_bytes())
    }

    /// Adds a header; a second one of the same name is sent too. A `host` replaces the usual one.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Request {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Drops the headers of this name.
    #[must_use]
    pub fn without(mut self, name: &str) -> Request {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self
    }

    /// Adds a header that carries JSON.
    #[must_use]
    pub fn json_header(self, name: &str, value: &impl serde::Serialize) -> Request {
        self.header(name, &serde_json::to_string(value).unwrap())
    }

    /// Replaces the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Request {
        self.body = body.into();
        self
    }

    /// Sends it and reads the whole answer.
    ///
    /// # Panics
    /// When no valid answer head comes.
    #[must_use]
    pub fn send(&self, address: SocketAddr) -> Answer {
        self.try_send(address)
            .unwrap_or_else(|error| panic!("{} {} at {address}: {error}", self.method, self.target))
    }

    /// Sends it and reads the whole answer.
    ///
    /// # Errors
    /// When no valid answer head comes.
    pub fn try_send(&self, address: SocketAddr) -> io::Result<Answer> {
        self.open(address)?.read_all()
    }

    /// Sends it and reads the answer's head only. Dropping the [`Exchange`] hangs up.
    ///
    /// # Errors
    /// When no valid answer head comes.
    pub fn open(&self, address: SocketAddr) -> io::Result<Exchange> {
        let sent_at = Instant::now();
        let (stream, written) = self.write(address)?;
        let exchange = Exchange::read_head(stream, sent_at, self.method == "HEAD");
        match (exchange, written) {
            (Err(_), Err(error)) => Err(error),
            (exchange, _) => exchange,
        }
    }

    /// Sends it and reads nothing. Dropping the stream hangs up.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub fn begin(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let (stream, written) = self.write(address)?;
        written.map(|()| stream)
    }

    fn write(&self, address: SocketAddr) -> io::Result<(TcpStream, io::Result<()>)> {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(self.patience))?;
        stream.set_nodelay(true)?;
        // A server may answer (and hang up) before it has read a large body.
        let written = stream.write_all(&self.bytes(address));
        Ok((stream, written))
    }

    fn bytes(&self, address: SocketAddr) -> Vec<u8> {
        let has = |name: &str| self.headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name));
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if !has("host") {
            head += &format!("host: {address}\r\n");
        }
        if !has("content-length") && !has("transfer-encoding") && self.method != "GET" {
            head += &format!("content-length: {}\r\n", self.body.len());
        }
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Names in lower case, in the order sent.
    pub headers: Vec<(String, String)>,
    /// The body as it was on the wire, without the transfer's framing.
    pub body: Vec<u8>,
    /// When each piece arrived, counted from the sending, and its bytes.
    pub pieces: Vec<(Duration, Vec<u8>)>,
    /// Whether the body ended as its framing promised.
    pub whole: bool,
}

impl Answer {
    /// The first header of this (lower case) name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The body as text; invalid UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("not JSON ({error}): status {} body {}", self.status, self.text())
        })
    }

    /// The `data:` payloads of an event stream.
    #[must_use]
    pub fn events(&self) -> Vec<String> {
        self.text()
            .lines()
            .filter_map(|line| line.strip_prefix("data: ").map(str::to_owned))
            .collect()
    }
}

/// An answer that is still being read.
#[derive(Debug)]
pub struct Exchange {
    reader: BufReader<TcpStream>,
    sent_at: Instant,
    framing: Framing,
    /// The status code.
    pub status: u16,
    /// Names in lower case, in the order sent.
    pub headers: Vec<(String, String)>,
}

#[derive(Debug)]
enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
    Done,
}

impl Exchange {
    fn read_head(stream: TcpStream, sent_at: Instant, no_body: bool) -> io::Result<Exchange> {
        let mut reader = BufReader::new(stream);
        let (start, headers) = read_head(&mut reader)?;
        let status = start
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3))
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| io::Error::other(format!("no HTTP/1.1 status line: {start:?}")))?;
        let framing = if no_body || status == 204 || status == 304 {
            Framing::Done
        } else if header(&headers, "transfer-encoding").is_some_and(|te| te.contains("chunked")) {
            Framing::Chunked
        } else if let Some(length) = header(&headers, "content-length") {
            Framing::Length(length.parse().map_err(io::Error::other)?)
        } else {
            Framing::UntilClose
        };
        Ok(Exchange { reader, sent_at, framing, status, headers })
    }

    /// The next piece of the body as it arrives; `None` at its proper end.
    ///
    /// # Errors
    /// When the connection ends before the body does.
    pub fn next_piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self.framing {
            Framing::Done | Framing::Length(0) => Ok(None),
            Framing::Length(left) => {
                let piece = self.read_some(left)?;
                if piece.is_empty() {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                self.framing = Framing::Length(left - piece.len() as u64);
                Ok(Some(piece))
            }
            Framing::UntilClose => {
                let piece = self.read_some(u64::MAX)?;
                Ok(Some(piece).filter(|piece| !piece.is_empty()))
            }
            Framing::Chunked => {
                let chunk = read_chunk(&mut self.reader)?;
                if chunk.is_none() {
                    self.framing = Framing::Done;
                }
                Ok(chunk)
            }
        }
    }

    /// Reads on until the body contains `text`; returns what was read.
    ///
    /// # Panics
    /// When the body ends without it.
    pub fn read_until(&mut self, text: &str) -> Vec<u8> {
        let mut body = Vec::new();
        while !String::from_utf8_lossy(&body).contains(text) {
            let piece = self.next_piece().unwrap();
            body.extend(piece.unwrap_or_else(|| panic!("the body ended without {text:?}")));
        }
        body
    }

    /// Reads the rest. A connection that ends early gives an answer that is not `whole`.
    ///
    /// # Errors
    /// When the connection is silent for too long.
    pub fn read_all(mut self) -> io::Result<Answer> {
        let mut pieces = Vec::new();
        let whole = loop {
            match self.next_piece() {
                Ok(Some(piece)) => pieces.push((self.sent_at.elapsed(), piece)),
                Ok(None) => break true,
                Err(error) if is_silence(&error) => return Err(error),
                Err(_) => break false,
            }
        };
        let body = pieces.iter().flat_map(|(_, piece)| piece.iter().copied()).collect();
        Ok(Answer { status: self.status, headers: self.headers, body, pieces, whole })
    }

    fn read_some(&mut self, at_most: u64) -> io::Result<Vec<u8>> {
        let available = self.reader.fill_buf()?;
        let take = available.len().min(usize::try_from(at_most).unwrap_or(usize::MAX));
        let piece = available[..take].to_vec();
        self.reader.consume(take);
        Ok(piece)
    }
}

fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// The first header of this (lower case) name.
#[must_use]
pub fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// A start line and headers (names in lower case), up to and with the empty line.
///
/// # Errors
/// When the connection ends first, or the head is no HTTP.
pub fn read_head(reader: &mut impl BufRead) -> io::Result<(String, Vec<(String, String)>)> {
    let mut line = || -> io::Result<String> {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    };
    let start = line()?;
    let mut headers = Vec::new();
    loop {
        let text = line()?;
        if text.is_empty() {
            return Ok((start, headers));
        }
        let (name, value) =
            text.split_once(':').ok_or_else(|| io::Error::other(format!("no header: {text:?}")))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

/// One chunk of a chunked body; `None` for the last, empty one.
///
/// # Errors
/// When the connection ends first, or the framing is broken.
pub fn read_chunk(reader: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut size = String::new();
    if reader.read_line(&mut size)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let size = usize::from_str_radix(size.trim_end(), 16).map_err(io::Error::other)?;
    let mut chunk = vec![0; size + 2];
    reader.read_exact(&mut chunk)?;
    if !chunk.ends_with(b"\r\n") {
        return Err(io::Error::other("a chunk without its line end"));
    }
    chunk.truncate(size);
    Ok(Some(chunk).filter(|chunk| !chunk.is_empty()))
}
