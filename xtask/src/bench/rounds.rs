//! The measurements that are repeated: in each round every way is taken in turn, so that what
//! else the machine does falls on all of them, and the table shows the medians: of the figures, and
//! of the rounds' own ratios.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};

use super::figures::{Mark, Row, Ways, percentile};
use super::load::{self, Ask, Door, Rate};
use super::usage::Processes;

const CONNECTIONS: usize = 32;
const SLICES: usize = 10;
/// Fewer: each opens its connections anew.
const SPEED_SLICES: usize = 4;
const SMALL: Ask = Ask::Whole { request_bytes: 1024 };
const LARGE: Ask = Ask::Whole { request_bytes: 100 * 1024 };

/// What `cargo xtask bench load` is told.
#[derive(Clone, Debug, Args)]
pub(crate) struct LoadOptions {
    /// Who listens.
    address: SocketAddr,
    /// Where calls are posted.
    #[arg(long, default_value = "/p/bench/openai/v1/chat/completions")]
    path: String,
    /// What is called.
    #[arg(long, value_enum, default_value_t = Kind::Small)]
    kind: Kind,
    /// On how many connections.
    #[arg(long, default_value_t = CONNECTIONS, value_name = "N")]
    connections: usize,
    /// For how long.
    #[arg(long, default_value_t = 10, value_name = "N")]
    seconds: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// 1 KB requests.
    Small,
    /// 100 KB requests.
    Large,
    /// Streams of 300 chunks.
    Stream,
    /// One stream after another at a model's pace, for the delay of their chunks.
    Paced,
}

/// One way to the provider.
#[derive(Debug)]
pub(super) struct Way {
    pub door: Door,
    /// What works in between, if anything does.
    pub processes: Option<Processes>,
}

/// What one round gave.
#[derive(Debug)]
pub(super) struct Round {
    call_us: Ways<Times>,
    chunk_us: Ways<Times>,
    small: Ways<Speed>,
    large: Ways<Speed>,
    streams: Ways<Speed>,
}

/// In the middle, and of the slow ones.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) p50: f64,
    pub(super) p99: f64,
}

#[derive(Clone, Copy, Debug)]
struct Speed {
    per_second: f64,
    /// Of what works in between, for one call.
    cpu_us: Option<f64>,
}

impl Round {
    /// Measures everything once, each row on each way for `span`.
    ///
    /// # Errors
    /// When an answer is wrong or a program is gone.
    pub(super) fn measure(ways: &Ways<Way>, number: usize, span: Duration) -> Result<Round> {
        Ok(Round {
            call_us: call_us(ways, span)?,
            chunk_us: ways
                .in_turn(number, |way| times_us(load::chunk_delays_ns(&way.door, span)?))?,
            small: speed(ways, SMALL, span)?,
            large: speed(ways, LARGE, span)?,
            streams: speed(ways, Ask::Stream, span)?,
        })
    }
}

/// In slices, as calls a second are: a change of the machine's pace within a round would tell.
fn call_us(ways: &Ways<Way>, span: Duration) -> Result<Ways<Times>> {
    let slices = (0..SLICES)
        .map(|slice| {
            ways.in_turn(slice, |way| load::latencies_ns(&way.door, SMALL, span / SLICES as u32))
        })
        .collect::<Result<Vec<_>>>()?;
    let all =
        |way: fn(&Ways<Vec<u64>>) -> &Vec<u64>| slices.iter().flat_map(way).copied().collect();
    Ok(Ways {
        direct: times_us(all(|ways| &ways.direct))?,
        nginx: times_us(all(|ways| &ways.nginx))?,
        outlay: times_us(all(|ways| &ways.outlay))?,
    })
}

fn times_us(mut times_ns: Vec<u64>) -> Result<Times> {
    ensure!(!times_ns.is_empty(), "nothing was measured: --seconds is too short");
    let mut us = |percent| percentile(&mut times_ns, percent) as f64 / 1000.0;
    Ok(Times { p50: us(50), p99: us(99) })
}

fn speed(ways: &Ways<Way>, ask: Ask, span: Duration) -> Result<Ways<Speed>> {
    let slices = (0..SPEED_SLICES)
        .map(|slice| ways.in_turn(slice, |way| speed_once(way, ask, span / SPEED_SLICES as u32)))
        .collect::<Result<Vec<_>>>()?;
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    let all = |way: fn(&Ways<Speed>) -> &Speed| Speed {
        per_second: mean(slices.iter().map(|ways| way(ways).per_second).collect()),
        cpu_us: slices.iter().map(|ways| way(ways).cpu_us).collect::<Option<_>>().map(mean),
    };
    Ok(Ways {
        direct: all(|ways| &ways.direct),
        nginx: all(|ways| &ways.nginx),
        outlay: all(|ways| &ways.outlay),
    })
}

fn speed_once(way: &Way, ask: Ask, span: Duration) -> Result<Speed> {
    let cpu_us = || way.processes.as_ref().map(Processes::cpu_us).transpose();
    let before = cpu_us()?;
    let rate = load::rate(&way.door, ask, CONNECTIONS, span)?;
    let used = before.zip(cpu_us()?).map(|(before, after)| after - before);
    Ok(Speed {
        per_second: rate.per_second,
        cpu_us: used.map(|used| used / rate.calls.max(1) as f64),
    })
}

/// Small calls for so long, whatever they cost.
///
/// # Errors
/// When an answer is wrong.
pub(super) fn small_calls(door: &Door, span: Duration) -> Result<Rate> {
    load::rate(door, SMALL, CONNECTIONS, span)
}

/// How long so many small calls take one after another, without the first ones.
///
/// # Errors
/// When an answer is wrong.
pub(super) fn small_calls_us(door: &Door, first: usize, calls: usize) -> Result<Times> {
    let mut times_ns = load::latencies_of_ns(door, SMALL, first + calls)?;
    times_us(times_ns.split_off(first))
}

/// How long calls take whose provider thinks, on so many connections at once and so many on each.
///
/// # Errors
/// When an answer is wrong.
pub(super) fn slow_calls_us(door: &Door, connections: usize, each: usize) -> Result<Times> {
    times_us(load::slow_latencies_ns(door, connections, each)?)
}

/// Puts only the load on whoever listens.
///
/// # Errors
/// When an answer is wrong.
pub(super) fn load_only(options: &LoadOptions) -> Result<()> {
    let door = Door::new(options.address, &*options.path);
    let span = Duration::from_secs(options.seconds);
    let ask = match options.kind {
        Kind::Small => SMALL,
        Kind::Large => LARGE,
        Kind::Stream => Ask::Stream,
        Kind::Paced => {
            let Times { p50, p99 } = times_us(load::chunk_delays_ns(&door, span)?)?;
            println!("{p50:.0} us from a chunk's write to its read in the middle, p99 {p99:.0}");
            return Ok(());
        }
    };
    let rate = load::rate(&door, ask, options.connections, span)?;
    println!("{} calls, {:.0} a second", rate.calls, rate.per_second);
    Ok(())
}

/// The table's rows of all rounds.
pub(super) fn rows(rounds: &[Round]) -> Vec<Row> {
    let row = |name, mark, of: &dyn Fn(&Round) -> Ways<Option<f64>>| {
        Row::of_rounds(name, &rounds.iter().map(of).collect::<Vec<_>>(), mark)
    };
    let times = |name, mark, of: fn(&Round) -> Ways<f64>| {
        row(format!("{name}, us (direct: all of it)"), mark, &|round| of(round).added())
    };
    let speeds = |name: &str, mark, of: fn(&Round) -> &Ways<Speed>| {
        row(format!("{name}/s, {CONNECTIONS} connections"), mark, &|round| {
            of(round).map(|speed| Some(speed.per_second))
        })
    };
    let costs = |name: &str, of: fn(&Round) -> &Ways<Speed>| {
        row(format!("CPU per {name}, us"), Mark::None, &|round| of(round).map(|it| it.cpu_us))
    };
    vec![
        times("added to a call of 1 KB, p50", Mark::RatioAtMost(3.0), |round| {
            round.call_us.map(|times| times.p50)
        }),
        times("added to a call of 1 KB, p99", Mark::None, |round| {
            round.call_us.map(|times| times.p99)
        }),
        speeds("calls of 1 KB", Mark::RatioAtLeast(0.4), |round| &round.small),
        speeds("calls of 100 KB", Mark::RatioAtLeast(0.4), |round| &round.large),
        times("added to a stream's chunk, p50", Mark::RatioAtMost(1.2), |round| {
            round.chunk_us.map(|times| times.p50)
        }),
        times("added to a stream's chunk, p99", Mark::None, |round| {
            round.chunk_us.map(|times| times.p99)
        }),
        speeds("streams of 300 chunks", Mark::RatioAtLeast(0.5), |round| &round.streams),
        costs("call of 1 KB", |round| &round.small),
        costs("call of 100 KB", |round| &round.large),
        costs("stream", |round| &round.streams),
    ]
}
