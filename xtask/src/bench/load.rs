//! The load: the same calls, counted and timed the same way, for every way to the provider.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::http::{self, Connection};
use super::provider::{MODEL, OUTPUT_TOKENS, PAUSE_HEADER, STREAM_CHUNKS, now_ns, sent_ns};

/// The share of a measurement that warms connections and caches and does not count.
const WARM_UP: f64 = 0.2;
/// Between two chunks where their delay is measured: a fast model's pace.
const CHUNK_PAUSE_US: u64 = 2_000;
/// How long the provider thinks where calls must overlap.
const OVERLAP_US: u64 = 100_000;
/// Above it, a difference of two clock readings is no delay.
const DELAY_NS_MAX: u64 = 60_000_000_000;

/// Where calls are sent; clones count together.
#[derive(Clone, Debug)]
pub(super) struct Door {
    /// Who listens.
    pub address: SocketAddr,
    path: String,
    answered: Arc<AtomicU64>,
}

impl Door {
    /// A door that nothing went through yet.
    pub(super) fn new(address: SocketAddr, path: impl Into<String>) -> Door {
        Door { address, path: path.into(), answered: Arc::default() }
    }

    /// Right answers got here so far, but those of [`at_once`].
    pub(super) fn answered(&self) -> u64 {
        self.answered.load(Ordering::SeqCst)
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ask {
    /// A whole answer to a request of so many bytes.
    Whole { request_bytes: usize },
    /// A whole answer that takes a while.
    Slow,
    /// A stream, as fast as it goes.
    Stream,
    /// A stream at a fast model's pace.
    PacedStream,
}

/// Calls made, those of the warm-up included, and how many a second where they counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    pub calls: u64,
    pub per_second: f64,
}

/// Calls as fast as so many connections get their answers.
///
/// # Errors
/// When an answer is not the one asked for.
pub(super) fn rate(door: &Door, ask: Ask, connections: usize, span: Duration) -> Result<Rate> {
    let started = Instant::now();
    let counts_from = started + span.mul_f64(WARM_UP);
    let ends = started + span;
    let (calls, counted) = thread::scope(|scope| {
        let clients: Vec<_> = (0..connections)
            .map(|_| {
                scope.spawn(move || -> Result<(u64, u64)> {
                    let mut client = Client::new(door, ask)?;
                    let (mut calls, mut counted) = (0, 0);
                    while Instant::now() < ends {
                        client.call()?;
                        let now = Instant::now();
                        calls += 1;
                        counted += u64::from(counts_from <= now && now < ends);
                    }
                    Ok((calls, counted))
                })
            })
            .collect();
        let mut sums = (0, 0);
        for client in clients {
            let (calls, counted) = client.join().ok().context("a client panicked")??;
            sums = (sums.0 + calls, sums.1 + counted);
        }
        anyhow::Ok(sums)
    })?;
    Ok(Rate { calls, per_second: counted as f64 / (ends - counts_from).as_secs_f64() })
}

/// How long calls take one after another on one connection, in nanoseconds.
///
/// # Errors
/// When an answer is not the one asked for.
pub(super) fn latencies_ns(door: &Door, ask: Ask, span: Duration) -> Result<Vec<u64>> {
    let mut client = Client::new(door, ask)?;
    let started = Instant::now();
    let mut latencies = Vec::new();
    while started.elapsed() < span {
        let sent = Instant::now();
        client.call()?;
        let took_ns = u64::try_from(sent.elapsed().as_nanos())?;
        if started.elapsed() >= span.mul_f64(WARM_UP) {
            latencies.push(took_ns);
        }
    }
    Ok(latencies)
}

/// How long each of so many calls takes, one after another, in nanoseconds.
///
/// # Errors
/// When an answer is not the one asked for.
pub(super) fn latencies_of_ns(door: &Door, ask: Ask, calls: usize) -> Result<Vec<u64>> {
    let mut client = Client::new(door, ask)?;
    let one = |_| {
        let sent = Instant::now();
        client.call()?;
        Ok(u64::try_from(sent.elapsed().as_nanos())?)
    };
    (0..calls).map(one).collect()
}

/// How long calls take whose provider thinks, on so many connections at once and so many on each, in
/// nanoseconds.
///
/// # Errors
/// When an answer is not the one asked for.
pub(super) fn slow_latencies_ns(door: &Door, connections: usize, each: usize) -> Result<Vec<u64>> {
    thread::scope(|scope| {
        let clients: Vec<_> = (0..connections)
            .map(|_| scope.spawn(move || latencies_of_ns(door, Ask::Slow, each)))
            .collect();
        let mut all = Vec::with_capacity(connections * each);
        for client in clients {
            all.extend(client.join().ok().context("a client panicked")??);
        }
        Ok(all)
    })
}

/// From the provider's write of a chunk to the client's read of it, in nanoseconds.
///
/// # Errors
/// When an answer is not the one asked for.
pub(super) fn chunk_delays_ns(door: &Door, span: Duration) -> Result<Vec<u64>> {
    let mut client = Client::new(door, Ask::PacedStream)?;
    let started = Instant::now();
    client.call()?;
    client.delays_ns.clear();
    while client.delays_ns.is_empty() || started.elapsed() < span {
        client.call()?;
    }
    Ok(client.delays_ns)
}

/// Sends so many calls at the same time and gives their statuses.
///
/// # Errors
/// When a connection breaks.
pub(super) fn at_once(door: &Door, calls: usize) -> Result<Vec<u16>> {
    let request = request(door, Ask::Slow);
    let mut connections =
        (0..calls).map(|_| Connection::open(door.address)).collect::<Result<Vec<_>>>()?;
    thread::scope(|scope| {
        let request = &request;
        let clients: Vec<_> = connections
            .iter_mut()
            .map(|connection| scope.spawn(move || connection.call(request, |_| {})))
            .collect();
        let joined = clients.into_iter().map(|client| client.join().ok());
        joined.map(|status| status.context("a client panicked")?).collect()
    })
}

/// One call on a connection of its own.
///
/// # Errors
/// When nobody listens, or the answer is not the one asked for.
pub(super) fn one_call(door: &Door) -> Result<()> {
    Client::new(door, Ask::Whole { request_bytes: 1024 })?.call()
}

struct Client {
    connection: Connection,
    answered: Arc<AtomicU64>,
    request: Vec<u8>,
    stream: bool,
    body: Vec<u8>,
    delays_ns: Vec<u64>,
}

impl Client {
    fn new(door: &Door, ask: Ask) -> Result<Client> {
        Ok(Client {
            connection: Connection::open(door.address)?,
            answered: Arc::clone(&door.answered),
            request: request(door, ask),
            stream: matches!(ask, Ask::Stream | Ask::PacedStream),
            body: Vec::new(),
            delays_ns: Vec::new(),
        })
    }

    fn call(&mut self) -> Result<()> {
        if self.stream { self.streamed() } else { self.whole() }?;
        self.answered.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn whole(&mut self) -> Result<()> {
        self.body.clear();
        let body = &mut self.body;
        let status = self.connection.call(&self.request, |part| body.extend_from_slice(part))?;
        if status != 200 || !body.ends_with(b"}") {
            bail!("an answer went wrong: {status} {}", String::from_utf8_lossy(body));
        }
        Ok(())
    }

    /// Reads a stream's chunks as they come; those after the content must be the end alone.
    fn streamed(&mut self) -> Result<()> {
        self.body.clear();
        let (body, delays_ns) = (&mut self.body, &mut self.delays_ns);
        let (mut taken, mut chunks, mut done) = (0, 0, false);
        let status = self.connection.call(&self.request, |part| {
            let read_ns = now_ns();
            body.extend_from_slice(part);
            while let Some(event_bytes) = http::find(&body[taken..], b"\n\n") {
                let event = &body[taken..taken + event_bytes];
                taken += event_bytes + 2;
                match sent_ns(event) {
                    Some(sent_ns) => {
                        chunks += 1;
                        delays_ns.push(read_ns.saturating_sub(sent_ns).min(DELAY_NS_MAX));
                    }
                    None => done = event == b"data: [DONE]",
                }
            }
        })?;
        ensure!(
            status == 200 && chunks == STREAM_CHUNKS && done,
            "a stream went wrong: {status}, {chunks} chunks, {}",
            String::from_utf8_lossy(&body[body.len().saturating_sub(400)..])
        );
        Ok(())
    }
}

/// The request for what is asked. A stream does not ask for its usage: Outlay has to, and must
/// hide it, which is the dearer case.
fn request(door: &Door, ask: Ask) -> Vec<u8> {
    let (bytes, pause_us, stream) = match ask {
        Ask::Whole { request_bytes } => (request_bytes, 0, false),
        Ask::Slow => (1024, OVERLAP_US, false),
        Ask::Stream => (1024, 0, true),
        Ask::PacedStream => (1024, CHUNK_PAUSE_US, true),
    };
    let headers = format!("{PAUSE_HEADER}: {pause_us}\r\n");
    http::post(door.address, &door.path, &headers, &body(bytes, stream))
}

/// A conversation of so many bytes, in messages of about a kilobyte.
fn body(bytes: usize, stream: bool) -> Vec<u8> {
    const MESSAGE: &str = r#"{"role":"user","content":""#;
    // Code, as agents send it: an escape for every 25 bytes or so.
    const LINE: &str = r#"    let total: Money = lines.iter().map(|line| line.amount).sum();\n    println!(\"{total}\");\n"#;
    let mut body = format!(
        r#"{{"stream":{stream},"model":"{MODEL}","max_tokens":{OUTPUT_TOKENS},"messages":["#
    );
    body.push_str(MESSAGE);
    let mut message_from = body.len();
    while body.len() + LINE.len() + 256 < bytes {
        body.push_str(LINE);
        if body.len() - message_from > 1000 {
            body.push_str(r#""},"#);
            body.push_str(MESSAGE);
            message_from = body.len();
        }
    }
    let end = r#""}]}"#;
    body.push_str(&"x".repeat(bytes.saturating_sub(body.len() + end.len())));
    body.push_str(end);
    body.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_json_of_the_size_asked_for() {
        for (bytes, stream) in [(1024, false), (1024, true), (100 * 1024, false)] {
            let body = body(bytes, stream);
            assert_eq!(body.len(), bytes);
            let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(json["stream"], stream);
            assert_eq!(json["max_tokens"], OUTPUT_TOKENS);
        }
    }
}
