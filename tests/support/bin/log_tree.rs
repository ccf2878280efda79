//! `log-tree FOLDER [--big] [SEED]`: fills a home folder with tools' logs, and says as JSON what is
//! in them. `cargo xtask bench` calls it.

use std::path::Path;

use support::log_tree;

fn main() {
    let (flags, rest): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let Some(folder) = rest.first() else {
        eprintln!("name the folder to fill: log-tree FOLDER [--big] [SEED]");
        std::process::exit(2);
    };
    let seed = rest.get(1).and_then(|seed| seed.parse().ok()).unwrap_or(1);
    if flags.iter().any(|flag| flag == "--big") {
        let big = log_tree::claude_code::write_big(Path::new(folder), seed);
        println!("{}", serde_json::json!(big));
    } else {
        let truth = log_tree::write(Path::new(folder), seed);
        println!("{}", serde_json::json!({"calls": truth.calls.len(), "broken": truth.broken}));
    }
}
