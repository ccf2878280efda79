//! A provider for coding agents: it answers a generation request with text, or with a shell command
//! whose arguments come in small pieces, and records what reached it.
//!
//! A *main* request is one that brings a tool to run shell commands. Whatever else a client asks
//! for beside it (titles, lists of models) is answered shortly and recorded as not main.

mod anthropic;
mod chat;
mod gemini;
mod responses;
mod shell;

use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::client;
use crate::dialect::{Dialect, Reply, output_cap};
use crate::listener::Listener;
use crate::script::Script;
use crate::wait::PATIENCE;

pub use shell::Shell;

/// Characters in one piece of text or of a tool call's arguments.
const PIECE_CHARS: usize = 40;
const TOKEN_CHARS: usize = 4;
const PIECE_EVERY: Duration = Duration::from_millis(5);
/// Where a model that hesitates does so: after about 750 tokens.
const HESITATION_AT: usize = 75;

/// What the model says to a main request that brings no result of a tool yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing but this text.
    Text(String),
    /// A few words, and this command for the shell.
    Command(String),
}

/// What the model says when it has seen the result of its command.
pub const LAST_WORDS: &str = "The work is finished.";

/// One request that reached the provider.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case, in the order received.
    pub headers: Vec<(String, String)>,
    /// The body, decoded; null where there was none.
    pub body: Value,
    /// Whether it asks for the work itself.
    pub main: bool,
    /// Whether the whole answer was written.
    pub finished: bool,
}

/// A running provider; it stops with the value.
#[derive(Debug)]
pub struct AgentProvider {
    listener: Listener,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    turn: Turn,
    tokens_max: usize,
    hesitates: bool,
    arrivals: Mutex<Vec<Arrival>>,
    next_id: AtomicU64,
}

impl AgentProvider {
    /// Starts one whose answers end by length only at the cap of a request.
    #[must_use]
    pub fn start(turn: Turn) -> AgentProvider {
        AgentProvider::with(turn, usize::MAX, false)
    }

    /// Starts one whose model never says more than so many tokens.
    #[must_use]
    pub fn start_with_longest_answer(turn: Turn, tokens_max: usize) -> AgentProvider {
        AgentProvider::with(turn, tokens_max, false)
    }

    /// Starts one that goes on after some 750 tokens only when nobody has hung up for long. So
    /// whoever hangs up does so before the rest is said, however slow the machine.
    #[must_use]
    pub fn start_hesitant(turn: Turn) -> AgentProvider {
        AgentProvider::with(turn, usize::MAX, true)
    }

    fn with(turn: Turn, tokens_max: usize, hesitates: bool) -> AgentProvider {
        let state = Arc::new(State {
            turn,
            tokens_max,
            hesitates,
            arrivals: Mutex::default(),
            next_id: AtomicU64::new(1),
        });
        let shared = state.clone();
        let listener = Listener::start(move |stream| serve(stream, &shared));
        AgentProvider { listener, state }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Every main request so far, in order of arrival.
    #[must_use]
    pub fn main_requests(&self) -> Vec<Arrival> {
        let arrivals = self.state.arrivals.lock().unwrap();
        arrivals.iter().filter(|arrival| arrival.main).cloned().collect()
    }
}

/// What the model says in one answer.
#[derive(Debug)]
struct Saying<'a> {
    id: &'a str,
    model: &'a str,
    /// Said before the call, or all there is; in pieces.
    text: Vec<String>,
    /// The tool and its arguments (JSON) in pieces.
    call: Option<(&'a Shell, Vec<String>)>,
    /// Whether it has become too long and is not all that the model wanted to say.
    is_cut: bool,
    include_usage: bool,
}

impl Saying<'_> {
    /// Output tokens, as a provider would count them.
    fn tokens(&self) -> usize {
        let arguments = self.call.iter().flat_map(|(_, pieces)| pieces);
        self.text.iter().chain(arguments).map(String::len).sum::<usize>().div_ceil(TOKEN_CHARS)
    }

    /// Takes away what is said after so many tokens.
    fn cut_to(&mut self, tokens: usize) {
        let mut left = tokens.saturating_mul(TOKEN_CHARS) / PIECE_CHARS;
        let arguments = self.call.iter_mut().map(|(_, pieces)| pieces);
        for pieces in std::iter::once(&mut self.text).chain(arguments) {
            self.is_cut |= pieces.len() > left;
            pieces.truncate(left);
            left -= pieces.len();
        }
    }
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
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let main = Shell::offered(&body).is_some();
        let arrival = Arrival { method, target, headers, body, main, finished: false };
        let place = {
            let mut arrivals = state.arrivals.lock().unwrap();
            arrivals.push(arrival.clone());
            arrivals.len() - 1
        };
        answer(&mut writer, state, &arrival)?;
        state.arrivals.lock().unwrap()[place].finished = true;
    }
}

fn answer(writer: &mut TcpStream, state: &State, arrival: &Arrival) -> io::Result<()> {
    let id = format!("agent-{:04}", state.next_id.fetch_add(1, Ordering::SeqCst));
    let path = arrival.target.split('?').next().unwrap_or_default();
    if path.ends_with("/count_tokens") {
        return write_json(writer, &json!({"input_tokens": 10}));
    }
    let reply = |text: &str| {
        let script = Script { text: text.to_owned(), chunks: 1, ..Script::default() };
        Reply::new(&script, &arrival.target, &arrival.body, id.clone())
    };
    let Some(shell) = Shell::offered(&arrival.body) else {
        let reply = reply("A short title");
        return match reply.stream {
            true => write_events(writer, &reply.events(), false),
            false => write_json(writer, &reply.json()),
        };
    };
    let turn = match Shell::has_run(&arrival.body) {
        true => Turn::Text(LAST_WORDS.to_owned()),
        false => state.turn.clone(),
    };
    let reply = reply(match &turn {
        Turn::Text(text) => text,
        Turn::Command(_) => "Run it yourself.",
    });
    if !reply.stream {
        return write_json(writer, &reply.json());
    }
    let (text, call) = match &turn {
        Turn::Text(text) => (pieces(text), None),
        Turn::Command(command) => {
            (pieces("Let me see."), Some((&shell, pieces(&shell.arguments(command).to_string()))))
        }
    };
    let (id, include_usage) = (id.as_str(), reply.include_usage);
    let mut saying = Saying { id, model: &reply.model, text, call, is_cut: false, include_usage };
    let cap = usize::try_from(output_cap(&arrival.body)).unwrap_or(usize::MAX);
    saying.cut_to(cap.min(state.tokens_max));
    let events = match reply.dialect {
        Dialect::Anthropic => anthropic::events(&saying),
        Dialect::Responses => responses::events(&saying),
        Dialect::Gemini => gemini::events(&saying),
        _ => chat::events(&saying),
    };
    write_events(writer, &events, state.hesitates)
}

fn pieces(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(PIECE_CHARS).map(|piece| piece.iter().collect()).collect()
}

fn write_json(writer: &mut TcpStream, body: &Value) -> io::Result<()> {
    let body = body.to_string();
    let length = body.len();
    write!(
        writer,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

fn write_events(writer: &mut TcpStream, events: &[String], hesitates: bool) -> io::Result<()> {
    writer.write_all(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
    )?;
    for (at, event) in events.iter().enumerate() {
        if hesitates && at == HESITATION_AT {
            hesitate(writer)?;
        }
        writer.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes())?;
        thread::sleep(PIECE_EVERY);
    }
    writer.write_all(b"0\r\n\r\n")
}

/// Waits for the other side to hang up, which is an error, but not for ever.
fn hesitate(stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let heard = stream.peek(&mut [0]);
    stream.set_read_timeout(None)?;
    match heard {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Err(error),
        _ => Ok(()),
    }
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

/// One server-sent event of a dialect that names its events after the payload's type.
fn typed_event(payload: &Value) -> String {
    format!("event: {}\ndata: {payload}\n\n", payload["type"].as_str().unwrap_or_default())
}
