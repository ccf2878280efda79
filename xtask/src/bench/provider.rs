//! The fake provider: OpenAI's chat completions, answered at once from prepared bytes, so that
//! what is measured is the way to it. Runs as its own process until its standard input ends.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use super::http::find;

/// Chunks of one streamed answer.
pub(super) const STREAM_CHUNKS: usize = 300;
/// Output tokens that every answer bills.
pub(super) const OUTPUT_TOKENS: u64 = 200;
/// The model that it serves.
pub(super) const MODEL: &str = "bench-model";
/// Answers with the number of calls served so far.
pub(super) const SERVED_PATH: &str = "/served";
/// Request header: so many microseconds before each chunk of a stream, or before an answer.
pub(super) const PAUSE_HEADER: &str = "x-bench-pause-us";
/// In each chunk: when it was written, in nanoseconds since 1970, 20 digits.
pub(super) const SENT_KEY: &[u8] = b"\"sent_ns\":\"";
const SENT_DIGITS: usize = 20;

/// What a connection's buffer begins with: a request of 100 KB fits.
const BUFFER_BYTES: usize = 128 * 1024;
/// Wide enough for a number that makes each answer's id its own, as real ones are.
const ID_DIGITS: usize = 16;
const CONTENT_BYTES: usize = 640;

static SERVED: AtomicU64 = AtomicU64::new(0);

/// Serves until standard input ends, having printed its address.
///
/// # Errors
/// When no port can be had.
pub(super) fn run() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no port could be had")?;
    println!("{}", listener.local_addr()?);
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            thread::spawn(move || serve(socket));
        }
    });
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}

/// Answers one connection's requests until it ends or breaks, which is the client's affair.
fn serve(mut socket: TcpStream) {
    let mut answers = Answers::new();
    let mut requests = Requests { buffer: vec![0; BUFFER_BYTES], filled: 0 };
    let _ = socket.set_nodelay(true);
    while let Ok(Some(request)) = requests.next(&mut socket) {
        let outcome = match request.kind {
            Kind::Served => served(&mut socket),
            Kind::Whole => {
                pause(request.pause_us);
                socket.write_all(answers.whole())
            }
            Kind::Stream { usage } => answers.stream(&mut socket, request.pause_us, usage),
        };
        if outcome.is_err() {
            return;
        }
        requests.drop_first(request.bytes);
    }
}

fn served(socket: &mut TcpStream) -> std::io::Result<()> {
    let count = SERVED.load(Ordering::SeqCst).to_string();
    let length = count.len();
    write!(socket, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{count}")
}

fn pause(pause_us: u64) {
    if pause_us > 0 {
        thread::sleep(Duration::from_micros(pause_us));
    }
}

/// Nanoseconds since 1970: a clock that two processes share.
pub(super) fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

/// When the chunk was written, if it says so.
pub(super) fn sent_ns(chunk: &[u8]) -> Option<u64> {
    let digits = find(chunk, SENT_KEY)? + SENT_KEY.len();
    std::str::from_utf8(chunk.get(digits..digits + SENT_DIGITS)?).ok()?.parse().ok()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Served,
    Whole,
    /// `usage`: a last chunk with the usage was asked for.
    Stream {
        usage: bool,
    },
}

#[derive(Debug, PartialEq, Eq)]
struct Request {
    bytes: usize,
    kind: Kind,
    pause_us: u64,
}

struct Requests {
    buffer: Vec<u8>,
    filled: usize,
}

impl Requests {
    /// The next request, whole; `None` when the client has closed.
    fn next(&mut self, socket: &mut TcpStream) -> std::io::Result<Option<Request>> {
        loop {
            if let Some(request) = parse(&self.buffer[..self.filled]) {
                return Ok(Some(request));
            }
            if self.filled == self.buffer.len() {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
            match socket.read(&mut self.buffer[self.filled..])? {
                0 => return Ok(None),
                read => self.filled += read,
            }
        }
    }

    fn drop_first(&mut self, bytes: usize) {
        self.buffer.copy_within(bytes..self.filled, 0);
        self.filled -= bytes;
    }
}

/// The first request in the buffer, if all of it has arrived.
fn parse(buffer: &[u8]) -> Option<Request> {
    let head_bytes = find(buffer, b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&buffer[..head_bytes]);
    let number = |wanted: &str| {
        head.split("\r\n")
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .and_then(|(_, value)| value.trim().parse().ok())
    };
    let bytes = head_bytes + number("content-length").unwrap_or(0);
    let body = buffer.get(head_bytes..bytes)?;
    let kind = if head.starts_with("GET ") {
        Kind::Served
    } else if find(&body[..body.len().min(256)], b"\"stream\":true").is_some() {
        Kind::Stream { usage: find(body, b"\"include_usage\":true").is_some() }
    } else {
        Kind::Whole
    };
    Some(Request { bytes, kind, pause_us: number(PAUSE_HEADER).unwrap_or(0) as u64 })
}

/// Prepared bytes of one connection, in which only ids and instants change.
struct Answers {
    whole: Vec<u8>,
    whole_id: usize,
    chunk: Vec<u8>,
    chunk_id: usize,
    chunk_sent: usize,
}

impl Answers {
    fn new() -> Answers {
        let (id, zeros) = (placeholder(ID_DIGITS), placeholder(SENT_DIGITS));
        let content = "All work and no play. ".repeat(CONTENT_BYTES / 22);
        let body = format!(
            "{{\"id\":\"chatcmpl-{id}\",\"object\":\"chat.completion\",\"created\":1795212000,\
             \"model\":\"{MODEL}\",\"choices\":[{{\"index\":0,\"message\":{{\"role\":\"assistant\",\
             \"content\":\"{content}\",\"refusal\":null}},\"logprobs\":null,\
             \"finish_reason\":\"stop\"}}],{USAGE},\"service_tier\":\"default\"}}"
        );
        let whole = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes();
        let chunk = framed(&format!(
            "data: {{\"id\":\"chatcmpl-{id}\",\"object\":\"chat.completion.chunk\",\
             \"created\":1795212000,\"model\":\"{MODEL}\",\"choices\":[{{\"index\":0,\"delta\":\
             {{\"content\":\" word\"}},\"logprobs\":null,\"finish_reason\":null}}],\
             \"sent_ns\":\"{zeros}\"}}\n\n"
        ));
        Answers {
            whole_id: find(&whole, id.as_bytes()).unwrap_or(0),
            whole,
            chunk_id: find(&chunk, id.as_bytes()).unwrap_or(0),
            chunk_sent: find(&chunk, SENT_KEY).unwrap_or(0) + SENT_KEY.len(),
            chunk,
        }
    }

    /// The next whole answer.
    fn whole(&mut self) -> &[u8] {
        write_number(&mut self.whole[self.whole_id..][..ID_DIGITS], next_id());
        &self.whole
    }

    /// Writes a streamed answer, each chunk with a write of its own.
    fn stream(
        &mut self,
        socket: &mut TcpStream,
        pause_us: u64,
        usage: bool,
    ) -> std::io::Result<()> {
        let id = next_id();
        write_number(&mut self.chunk[self.chunk_id..][..ID_DIGITS], id);
        socket.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
              Transfer-Encoding: chunked\r\n\r\n",
        )?;
        for _ in 0..STREAM_CHUNKS {
            pause(pause_us);
            write_number(&mut self.chunk[self.chunk_sent..][..SENT_DIGITS], now_ns());
            socket.write_all(&self.chunk)?;
        }
        let mut end = Vec::new();
        if usage {
            end = framed(&format!(
                "data: {{\"id\":\"chatcmpl-{id:0ID_DIGITS$}\",\"object\":\"chat.completion.chunk\",\
                 \"created\":1795212000,\"model\":\"{MODEL}\",\"choices\":[],{USAGE}}}\n\n"
            ));
        }
        end.extend_from_slice(&framed("data: [DONE]\n\n"));
        end.extend_from_slice(b"0\r\n\r\n");
        socket.write_all(&end)
    }
}

const USAGE: &str = "\"usage\":{\"prompt_tokens\":230,\"completion_tokens\":200,\
    \"total_tokens\":430,\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},\
    \"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0}}";

fn next_id() -> u64 {
    SERVED.fetch_add(1, Ordering::SeqCst)
}

/// Something that occurs nowhere else in an answer.
fn placeholder(digits: usize) -> String {
    "9".repeat(digits)
}

fn framed(text: &str) -> Vec<u8> {
    format!("{:x}\r\n{text}\r\n", text.len()).into_bytes()
}

/// Fills the place with the number's decimal digits, zeros in front.
fn write_number(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart_once_they_are_whole() {
        for (wire, expected) in [
            ("GET /served HTTP/1.1\r\n\r\n", Some((Kind::Served, 0))),
            ("POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}", Some((Kind::Whole, 0))),
            ("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n{}", None),
            ("POST / HTTP/1.1\r\n", None),
            (
                "POST / HTTP/1.1\r\nX-Bench-Pause-Us: 70\r\ncontent-length: 15\r\n\r\n{\"stream\":true}",
                Some((Kind::Stream { usage: false }, 70)),
            ),
            (
                "POST / HTTP/1.1\r\ncontent-length: 55\r\n\r\n{\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
                Some((Kind::Stream { usage: true }, 0)),
            ),
        ] {
            let expected =
                expected.map(|(kind, pause_us)| Request { bytes: wire.len(), kind, pause_us });
            assert_eq!(parse(wire.as_bytes()), expected, "{wire}");
        }
    }

    #[test]
    fn answers_are_json_with_their_own_ids_and_instants() {
        let mut answers = Answers::new();
        let mut ids = Vec::new();
        for _ in 0..2 {
            let whole = answers.whole().to_vec();
            let body = find(&whole, b"\r\n\r\n").unwrap() + 4;
            let json: serde_json::Value = serde_json::from_slice(&whole[body..]).unwrap();
            assert_eq!(json["usage"]["completion_tokens"], OUTPUT_TOKENS);
            ids.push(json["id"].as_str().unwrap().to_owned());
        }
        assert_ne!(ids[0], ids[1]);
        write_number(&mut answers.chunk[answers.chunk_sent..][..SENT_DIGITS], 1_795_212_000_123);
        assert_eq!(sent_ns(&answers.chunk), Some(1_795_212_000_123));
    }
}
