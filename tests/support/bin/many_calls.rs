//! `many-calls FILE COUNT`: writes a table of so many calls of the last two years, for
//! `outlay import csv`; says their sum of output tokens. `cargo xtask bench` calls it.
#![allow(clippy::unwrap_used, reason = "it stops at the first surprise")]

use std::fs::File;
use std::io::{BufWriter, Write};

use chrono::{SecondsFormat, TimeDelta, Utc};

const DAYS: i64 = 730;
/// Model and provider; a good share of ten calls for the first ones.
const MODELS: [(&str, &str); 10] = [
    ("claude-sonnet-4-5", "anthropic"),
    ("claude-sonnet-4-5", "anthropic"),
    ("claude-sonnet-4-5", "anthropic"),
    ("claude-opus-4-5", "anthropic"),
    ("claude-haiku-4-5", "anthropic"),
    ("gpt-5.1", "openai"),
    ("gpt-5.1", "openai"),
    ("gpt-5-mini", "openai"),
    ("gpt-5-mini", "openai"),
    ("gemini-2.5-flash", "gemini"),
];
const PROJECTS: u64 = 24;
const SESSION_CALLS: u64 = 40;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, count] = arguments.as_slice() else {
        eprintln!("say where and how many: many-calls FILE COUNT");
        std::process::exit(2);
    };
    let count: u64 = count.parse().unwrap();
    let mut table = BufWriter::new(File::create(file).unwrap());
    writeln!(
        table,
        "time,id,provider,model,project,session,input_tokens,cache_read_tokens,output_tokens,duration_ms"
    )
    .unwrap();
    let begins = Utc::now() - TimeDelta::days(DAYS);
    let span_ms = TimeDelta::days(DAYS).num_milliseconds() - 60_000;
    let mut output_tokens = 0;
    for number in 0..count {
        let part = i64::try_from(
            u128::from(number) * u128::try_from(span_ms).unwrap() / u128::from(count),
        );
        let at = begins + TimeDelta::milliseconds(part.unwrap());
        let some = mixed(number);
        let (model, provider) = MODELS[usize::try_from(some % 10).unwrap()];
        let session = number / SESSION_CALLS;
        let input = 500 + some % 20_011;
        let output = 40 + some % 1_801;
        output_tokens += output;
        writeln!(
            table,
            "{},c{number},{provider},{model},project-{:02},s{session},{input},{},{output},{}",
            at.to_rfc3339_opts(SecondsFormat::Millis, true),
            mixed(session) % PROJECTS,
            input * (some % 4),
            700 + some % 19_000,
        )
        .unwrap();
    }
    table.flush().unwrap();
    println!("{output_tokens}");
}

/// A number that looks like any other, the same each time.
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 31)
}
