//! `window-figures PROGRAM DATA CONFIG ASSETS`: how fast the desktop window is on a ledger, and what it
//! takes, as JSON. `cargo xtask bench ui` calls it, and compares.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "it stops at the first surprise")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use support::desktop::Display;
use support::wait::eventually;
use support::webdriver::Browser;

const STARTS: usize = 5;
const VIEWS_EACH: usize = 5;
const IDLE: Duration = Duration::from_secs(20);
const TICK_MS: f64 = 10.0;

/// A view: what the bench calls it, its address behind `#`, and what is there once its data is.
const VIEWS: [(&str, &str, &str); 13] = [
    ("overview", "#/", "[data-testid=chart-days] svg"),
    ("calls", "#/calls", "[data-testid=call-row]"),
    ("calls of a model", "#/calls?model=gpt-5-mini", "[data-testid=call-row]"),
    ("calls, searched", "#/calls?search=project-07", "[data-testid=call-row]"),
    ("one call", "#/calls/{call}", "[data-testid=call-lines]"),
    ("reports", "#/reports", "[data-testid=report-table] tbody tr"),
    (
        "a report of a year by two, compared",
        "#/reports?by=month&and=model&range=year&compare=yes",
        "[data-testid=report-table] tbody tr",
    ),
    ("budgets", "#/budgets", "[data-testid=budget-bench]"),
    ("balances", "#/balances", "[data-testid=balance-openai]"),
    ("prices", "#/prices", "[data-testid=price-row]"),
    ("alerts", "#/alerts", "[data-testid=alerts]"),
    ("tools", "#/tools", "[data-testid=tools] ul, [data-testid=tools] .missing"),
    ("settings", "#/settings", "[data-testid=settings-data]"),
];

/// Goes there; how many milliseconds until its data stood on the page, or `null` after ten seconds.
const SHOW: &str = "
const [hash, wanted, done] = arguments;
const started = performance.now();
const isThere = () => document.querySelector(wanted) !== null
  && document.querySelector('main [aria-busy=true], [data-testid=call-row-empty]') === null
  && !/(Loading|Looking|Reading)[^.]*…/.test(document.querySelector('main')?.textContent ?? '');
const look = () => {
  const took = performance.now() - started;
  if (isThere()) requestAnimationFrame(() => done(performance.now() - started));
  else if (took > 10000) done(null);
  else requestAnimationFrame(look);
};
// Not before the page knows of it: what it shows until then may be what is waited for.
addEventListener('hashchange', () => requestAnimationFrame(look), { once: true });
location.hash = hash;";

/// Scrolls the list for four seconds; what each frame took in milliseconds, and in how many of them
/// rows were not there yet.
const SCROLL: &str = "
const done = arguments[0];
const grid = document.querySelector('[data-testid=call-grid]');
const frames = [];
let blank = 0;
const started = performance.now();
let before = started;
const step = (now) => {
  frames.push(now - before);
  before = now;
  if (document.querySelector('[data-testid=call-row-empty]')) blank += 1;
  grid.scrollTop += 90;
  if (now - started < 4000) requestAnimationFrame(step);
  else done([frames.slice(1), blank]);
};
requestAnimationFrame((now) => { before = now; requestAnimationFrame(step); });";

const STARTED: &str = "
const figures = performance.getEntriesByName('outlay-figures')[0];
const paint = performance.getEntriesByName('first-contentful-paint')[0];
return figures && paint ? [performance.timeOrigin, paint.startTime, figures.startTime] : null";

fn main() {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [program, data, config, assets] = arguments.as_slice() else {
        eprintln!("say what: window-figures PROGRAM DATA CONFIG ASSETS");
        std::process::exit(2);
    };
    let home = tempfile::tempdir().unwrap();
    let display = Display::start();
    let environment =
        [("OUTLAY_DATA_DIR", data), ("OUTLAY_CONFIG", config), ("HOME", &home.path().to_owned())]
            .map(|(name, value)| (name.to_owned(), value.to_str().unwrap().to_owned()));
    let open = || Browser::desktop_window(program, &display, &environment);
    let mut starts: Vec<Value> = (1..STARTS).map(|_| started(&open())).collect();
    let window = open();
    starts.push(started(&window));
    let fresh = memory(&window);
    let views = views(&window);
    let scrolled = scroll(&window);
    let busy = memory(&window);
    let _ = window.run("location.hash = '#/'; return 1");
    // What was asked for meanwhile has come, and the engine has tidied up behind it.
    thread::sleep(Duration::from_secs(10));
    let idle = idle(&window);
    println!(
        "{}",
        json!({
            "starts": starts, "views": views, "scrolled": scrolled, "idle": idle,
            "memory_fresh": fresh, "memory_busy": busy, "memory": memory(&window),
            "javascript_bytes": compressed(assets),
        })
    );
}

/// From the program's start to the page's first paint and first figures, and from the page's own start.
fn started(window: &Browser) -> Value {
    let told = eventually("the page has figures", || {
        let told = window.run(STARTED);
        told.is_array().then_some(told)
    });
    let [origin, paint, figures] = [0, 1, 2].map(|at| told[at].as_f64().unwrap());
    let began = window.processes().into_iter().find(|id| name_of(*id) == "outlay-desktop");
    let before = origin - began_at_ms(began.unwrap());
    json!({
        "page_paint_ms": paint, "page_figures_ms": figures,
        "paint_ms": before + paint, "figures_ms": before + figures,
    })
}

fn views(window: &Browser) -> Vec<Value> {
    let _ = show(window, "#/calls", "[data-testid=call-row]");
    let call = window.run("return document.querySelector('[data-testid=call-row]').dataset.id");
    let call = call.as_str().unwrap();
    let mut took = vec![Vec::new(); VIEWS.len()];
    for _ in 0..VIEWS_EACH {
        for (took, (_, hash, wanted)) in took.iter_mut().zip(VIEWS) {
            took.push(show(window, &hash.replace("{call}", call), wanted));
        }
    }
    let named = took.into_iter().zip(VIEWS);
    named.map(|(took, (name, ..))| json!({ "name": name, "ms": took })).collect()
}

fn show(window: &Browser, hash: &str, wanted: &str) -> Value {
    window.run_until_done(SHOW, &[json!(hash), json!(wanted)])
}

fn scroll(window: &Browser) -> Value {
    let _ = show(window, "#/calls", "[data-testid=call-row]");
    let told = window.run_until_done(SCROLL, &[]);
    json!({ "frames_ms": told[0], "blank": told[1] })
}

/// Megabytes of each process: what it holds, and its share where processes hold the same.
fn memory(window: &Browser) -> Vec<Value> {
    let held = |id: &u32| {
        let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?;
        let mb = |field: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(field))?;
            line.split_whitespace().next()?.parse::<f64>().ok().map(|kb| kb / 1024.0)
        };
        Some(json!({ "name": name_of(*id), "rss_mb": mb("Rss:")?, "pss_mb": mb("Pss:")? }))
    };
    window.processes().iter().filter_map(held).collect()
}

/// Percent of a CPU that each process takes while nothing happens.
fn idle(window: &Browser) -> Vec<Value> {
    let ids = window.processes();
    let before: Vec<f64> = ids.iter().map(|id| cpu_ms(*id)).collect();
    thread::sleep(IDLE);
    let taken = ids.iter().zip(before).map(|(id, before)| {
        let percent = (cpu_ms(*id) - before) / (IDLE.as_secs_f64() * 1000.0) * 100.0;
        json!({ "name": name_of(*id), "percent": percent })
    });
    taken.collect()
}

fn compressed(assets: &Path) -> usize {
    let files = fs::read_dir(assets).unwrap().map(|file| file.unwrap().path());
    let scripts = files.filter(|path| path.extension().is_some_and(|kind| kind == "js"));
    scripts
        .map(|path| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(&fs::read(path).unwrap()).unwrap();
            encoder.finish().unwrap().len()
        })
        .sum()
}

fn name_of(id: u32) -> String {
    fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default().trim().to_owned()
}

/// The fields of /proc/ID/stat behind the name, which may hold anything.
fn stat(id: u32) -> Vec<f64> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let (_, rest) = text.rsplit_once(')').unwrap_or_default();
    rest.split_whitespace().map(|field| field.parse().unwrap_or(0.0)).collect()
}

fn cpu_ms(id: u32) -> f64 {
    stat(id).get(11..13).map_or(0.0, |ticks| ticks.iter().sum::<f64>() * TICK_MS)
}

/// When a process began, in milliseconds since 1970, to a hundredth of a second.
fn began_at_ms(id: u32) -> f64 {
    let uptime = fs::read_to_string("/proc/uptime").unwrap();
    let uptime_s: f64 = uptime.split_whitespace().next().unwrap().parse().unwrap();
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64() * 1000.0;
    now_ms - uptime_s * 1000.0 + stat(id)[19] * TICK_MS
}
