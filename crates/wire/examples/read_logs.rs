//! `read_logs FOLDER`: how fast Claude Code's logs below a folder are read, on one core and from
//! memory.
#![allow(clippy::unwrap_used, reason = "an example")]

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use outlay_wire::log::{LineReader, Tool};

fn main() {
    let mut files = Vec::new();
    read_below(Path::new(&std::env::args().nth(1).unwrap()), &mut files);
    let bytes: usize = files.iter().map(Vec::len).sum();
    for _ in 0..5 {
        let start = cpu_seconds();
        let (mut found, mut keys, mut calls, mut flaws) = (Vec::new(), HashSet::new(), 0, 0);
        for file in &files {
            let mut reader = LineReader::new(Tool::ClaudeCode, chrono::Utc::now());
            let mut at = 0;
            for end in memchr::memchr_iter(b'\n', file) {
                flaws += usize::from(reader.read(&file[at..end], &mut found).is_err());
                at = end + 1;
            }
            calls += found.len();
            keys.extend(found.drain(..).map(|call| call.key));
        }
        let time = cpu_seconds() - start;
        let rate = bytes as f64 / time / 1e6;
        println!(
            "{bytes} bytes in {time:.3} s of CPU: {rate:.0} MB/s; told {calls}, calls {}, flaws {flaws}",
            keys.len()
        );
    }
}

/// Of this thread: other programs may run beside it.
fn cpu_seconds() -> f64 {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    told.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

fn read_below(folder: &Path, files: &mut Vec<Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { read_below(&path, files) } else { files.push(fs::read(path).unwrap()) }
    }
}
