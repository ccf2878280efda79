//! A provider on this machine: replays recorded exchanges, plays scripts, records what it served.

use std::collections::{HashMap, VecDeque};
use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::client;
use crate::corpus::Exchange;
use crate::dialect::{self, Dialect, Reply};
use crate::listener::Listener;
use crate::script::{Act, REPLAY_HEADER, SCRIPT_HEADER, Script};

/// A running fake provider; it stops with the value.
#[derive(Debug)]
pub struct FakeProvider {
    listener: Listener,
    state: Arc<State>,
}

/// One request that reached the provider.
#[derive(Clone, Debug)]
pub struct Served {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case, in the order received.
    pub headers: Vec<(String, String)>,
    /// The body as received, still encoded where it was.
    pub body: Vec<u8>,
    /// The id under which the answer was given; empty for replays.
    pub response_id: String,
    /// Prompt tokens of the answer.
    pub input_tokens: u64,
    /// Generated tokens of the answer.
    pub output_tokens: u64,
    /// The answer's status; 0 while there is none.
    pub status: u16,
    /// Whether the whole answer was written.
    pub finished: bool,
}

impl Served {
    /// The first header of this (lower case) name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        client::header(&self.headers, name)
    }

    /// Whether it asks a model for an answer.
    #[must_use]
    pub fn is_generation(&self) -> bool {
        self.method == "POST" && Dialect::of_path(self.path()) != Dialect::Other
    }

    fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The best encoding that its client can read, of those that the provider knows.
    fn encoding_asked(&self) -> Option<&'static str> {
        let accepted = self.header("accept-encoding")?;
        let mut names = accepted.split(',').map(|name| name.split(';').next().unwrap_or("").trim());
        ENCODINGS
            .into_iter()
            .find(|known| names.clone().any(|name| name == *known))
            .or_else(|| names.any(|name| name == "*").then_some("gzip"))
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// The best first.
const ENCODINGS: [&str; 4] = ["zstd", "br", "gzip", "deflate"];

#[derive(Debug, Default)]
struct State {
    exchanges: HashMap<String, Exchange>,
    default_script: Mutex<Script>,
    first: Mutex<VecDeque<Script>>,
    served: Mutex<Vec<Served>>,
    next_id: AtomicU64,
}

impl FakeProvider {
    /// Starts one that plays [`Script::default`] unless a request says otherwise.
    #[must_use]
    pub fn start() -> FakeProvider {
        FakeProvider::with_exchanges(Vec::new())
    }

    /// Starts one that also replays these exchanges, by id.
    #[must_use]
    pub fn with_exchanges(exchanges: Vec<Exchange>) -> FakeProvider {
        let exchanges =
            exchanges.into_iter().map(|exchange| (exchange.id.clone(), exchange)).collect();
        let state = Arc::new(State { exchanges, ..State::default() });
        let shared = state.clone();
        let listener = Listener::start(move |stream| serve(stream, &shared));
        FakeProvider { listener, state }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// What it plays when a request brings no script of its own.
    pub fn set_default(&self, script: Script) {
        *self.state.default_script.lock().unwrap() = script;
    }

    /// What it plays before that: a script for each of the next requests for a model's answer.
    pub fn set_first(&self, scripts: impl IntoIterator<Item = Script>) {
        *self.state.first.lock().unwrap() = scripts.into_iter().collect();
    }

    /// Every request so far, in order of arrival.
    #[must_use]
    pub fn served(&self) -> Vec<Served> {
        self.state.served.lock().unwrap().clone()
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        self.state.served.lock().unwrap().clear();
    }
}

impl State {
    fn next_script(&self, request: &Served) -> Script {
        let first =
            request.is_generation().then(|| self.first.lock().unwrap().pop_front()).flatten();
        first.unwrap_or_else(|| self.default_script.lock().unwrap().clone())
    }
}

/// What of an answer goes over the wire, and how.
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    pieces: Vec<Vec<u8>>,
    chunked: bool,
    pause: Duration,
}

fn serve(stream: TcpStream, state: &State) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    loop {
        let (start, headers) = client::read_head(&mut reader)?;
        let mut words = start.split(' ');
        let method = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or_default().to_owned();
        let body = read_body(&mut reader, &headers)?;
        let place = {
            let mut served = state.served.lock().unwrap();
            served.push(Served {
                method,
                target,
                headers,
                body,
                response_id: String::new(),
                input_tokens: 0,
                output_tokens: 0,
                status: 0,
                finished: false,
            });
            served.len() - 1
        };
        let request = state.served.lock().unwrap()[place].clone();
        if !play(&mut writer, state, &request, place)? {
            return Ok(());
        }
    }
}

/// Answers one request; `false` when the connection is done for.
fn play(writer: &mut TcpStream, state: &State, request: &Served, place: usize) -> io::Result<bool> {
    let in_path = request.path().strip_prefix("/replay/").and_then(|rest| rest.split('/').next());
    let mut script = match request.header(SCRIPT_HEADER) {
        Some(script) => serde_json::from_str(script).map_err(io::Error::other)?,
        None => state.next_script(request),
    };
    if script.encoding.as_deref() == Some("asked") {
        script.encoding = request.encoding_asked().map(str::to_owned);
    }
    thread::sleep(Duration::from_millis(script.delay_ms));
    let replay = request.header(REPLAY_HEADER).or(in_path);
    let answer = if let Some(id) = replay {
        let exchange = state.exchanges.get(id);
        replay_answer(exchange.ok_or_else(|| io::Error::other(format!("no exchange {id}")))?)
    } else {
        let body = decoded(request);
        let id = format!("fake-{:08}", state.next_id.fetch_add(1, Ordering::SeqCst) + 1);
        let reply = Reply::new(&script, &request.target, &body, id);
        if let Some(served) = state.served.lock().unwrap().get_mut(place) {
            served.response_id.clone_from(&reply.id);
            served.input_tokens = reply.input_tokens;
            served.output_tokens = reply.output_tokens;
        }
        match scripted_answer(&script, &reply) {
            Some(answer) => answer,
            None => return misbehave(writer, script.act),
        }
    };
    let answer = split(answer, script.split_at_most);
    if let Some(served) = state.served.lock().unwrap().get_mut(place) {
        served.status = answer.status;
    }
    let pieces = match script.act {
        Act::Stall | Act::Close | Act::Reset => answer.pieces.len().div_ceil(2),
        _ => answer.pieces.len(),
    };
    write_answer(writer, &answer, request.method == "HEAD", pieces)?;
    match script.act {
        Act::Stall => wait_for_hang_up(writer),
        Act::Close => {}
        Act::Reset => reset(writer)?,
        _ => {
            if let Some(served) = state.served.lock().unwrap().get_mut(place) {
                served.finished = true;
            }
            return Ok(true);
        }
    }
    Ok(false)
}

fn misbehave(writer: &mut TcpStream, act: Act) -> io::Result<bool> {
    match act {
        Act::Hang => wait_for_hang_up(writer),
        _ => writer.write_all(b"\x16\x03\x01 this is no HTTP \0\xff\r\n\r\n")?,
    }
    Ok(false)
}

fn replay_answer(exchange: &Exchange) -> Answer {
    Answer {
        status: exchange.status,
        headers: exchange.response_headers.clone().into_iter().collect(),
        pieces: vec![exchange.wire_body()],
        chunked: exchange.is_stream,
        pause: Duration::ZERO,
    }
}

/// `None` where the script wants no HTTP answer at all.
fn scripted_answer(script: &Script, reply: &Reply) -> Option<Answer> {
    let error = |status: u16, kind: &str, message: &str| {
        let body = dialect::error_body(reply.dialect, status, kind, message);
        (status, "application/json", vec![body.to_string().into_bytes()])
    };
    let content_type = if reply.stream { "text/event-stream" } else { "application/json" };
    let (status, content_type, pieces) = match script.act {
        Act::Hang | Act::Rubbish => return None,
        Act::InsufficientQuota => error(
            429,
            "insufficient_quota",
            "You exceeded your current quota, please check your plan and billing details.",
        ),
        Act::RateLimit => error(429, "rate_limit_exceeded", "Rate limit reached for requests."),
        Act::ServerError => error(500, "server_error", "The server had an error."),
        Act::RubbishBody => (200, content_type, vec![b"\0\xff{]rubbish\n\n".repeat(20)]),
        _ if reply.stream => {
            (200, content_type, reply.events().into_iter().map(String::into_bytes).collect())
        }
        _ => {
            let body = reply.json().to_string().into_bytes();
            let (head, tail) = body.split_at(body.len() / 2);
            (200, content_type, vec![head.to_vec(), tail.to_vec()])
        }
    };
    let mut headers = vec![("content-type".to_owned(), content_type.to_owned())];
    headers.push(("x-request-id".to_owned(), format!("req-{}", reply.id)));
    if let Some(after) = script.retry_after.as_ref().filter(|_| status >= 400) {
        headers.push(("retry-after".to_owned(), after.clone()));
    }
    let pieces = match &script.encoding {
        None => pieces,
        Some(encoding) => {
            headers.push(("content-encoding".to_owned(), encoding.clone()));
            vec![encode(encoding, &pieces.concat())]
        }
    };
    let chunked = content_type == "text/event-stream";
    let pause = Duration::from_millis(script.chunk_every_ms);
    Some(Answer { status, headers, pieces, chunked, pause })
}

fn write_answer(
    writer: &mut TcpStream,
    answer: &Answer,
    head_only: bool,
    pieces: usize,
) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {} Recorded\r\n", answer.status);
    for (name, value) in &answer.headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += &if answer.chunked {
        "transfer-encoding: chunked\r\n\r\n".to_owned()
    } else {
        format!("content-length: {}\r\n\r\n", answer.pieces.iter().map(Vec::len).sum::<usize>())
    };
    writer.write_all(head.as_bytes())?;
    if head_only {
        return Ok(());
    }
    for (nth, piece) in answer.pieces.iter().take(pieces).enumerate() {
        if nth > 0 {
            thread::sleep(answer.pause);
        }
        if answer.chunked && !piece.is_empty() {
            let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
            chunk.extend_from_slice(piece);
            chunk.extend_from_slice(b"\r\n");
            writer.write_all(&chunk)?;
        } else if !answer.chunked {
            writer.write_all(piece)?;
        }
    }
    if answer.chunked && pieces == answer.pieces.len() {
        writer.write_all(b"0\r\n\r\n")?;
    }
    writer.flush()
}

/// Splits at places that look random but are the same in every run.
fn split(mut answer: Answer, at_most: Option<usize>) -> Answer {
    let Some(at_most) = at_most else { return answer };
    let body = answer.pieces.concat();
    let mut rest = body.as_slice();
    let mut state = body.len() as u64 | 1;
    answer.pieces.clear();
    while !rest.is_empty() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let take = (usize::try_from(state >> 33).unwrap() % at_most + 1).min(rest.len());
        let (piece, tail) = rest.split_at(take);
        answer.pieces.push(piece.to_vec());
        rest = tail;
    }
    answer
}

/// `bytes` in a content encoding.
///
/// # Panics
/// On an encoding that is not `gzip`, `deflate`, `br` or `zstd`.
#[must_use]
pub fn encode(encoding: &str, bytes: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    match encoding {
        "gzip" => {
            flate2::read::GzEncoder::new(bytes, flate2::Compression::default())
                .read_to_end(&mut encoded)
                .unwrap();
        }
        "deflate" => {
            flate2::read::ZlibEncoder::new(bytes, flate2::Compression::default())
                .read_to_end(&mut encoded)
                .unwrap();
        }
        "br" => {
            brotli::CompressorReader::new(bytes, 4096, 5, 22).read_to_end(&mut encoded).unwrap();
        }
        "zstd" => encoded = zstd::encode_all(bytes, 0).unwrap(),
        other => panic!("the fake provider knows no encoding {other:?}"),
    }
    encoded
}

fn decoded(request: &Served) -> Value {
    let body = match request.header("content-encoding") {
        Some("zstd") => zstd::decode_all(request.body.as_slice()).unwrap_or_default(),
        _ => request.body.clone(),
    };
    serde_json::from_slice(&body).unwrap_or_default()
}

fn read_body(
    reader: &mut BufReader<TcpStream>,
    headers: &[(String, String)],
) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if client::header(headers, "transfer-encoding").is_some_and(|te| te.contains("chunked")) {
        while let Some(chunk) = client::read_chunk(reader)? {
            body.extend(chunk);
        }
    } else if let Some(length) = client::header(headers, "content-length") {
        reader.take(length.parse().map_err(io::Error::other)?).read_to_end(&mut body)?;
    }
    Ok(body)
}

fn wait_for_hang_up(stream: &mut TcpStream) {
    // Any outcome but more bytes means that the other side is gone.
    while matches!(stream.read(&mut [0; 1024]), Ok(1..)) {}
}

fn reset(stream: &TcpStream) -> io::Result<()> {
    // Closing with a linger of zero sends RST instead of FIN; both handles must go, so shut down.
    let socket = socket2::SockRef::from(stream);
    socket.set_linger(Some(Duration::ZERO))
}
