//! The service: the proxy runs without anybody starting it, and is restarted without anybody noticing.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::thread;

use serde_json::json;
use support::client::{Answer, Request};
use support::fake_provider::FakeProvider;
use support::outlay::{Home, binary};
use support::script::{SCRIPT_HEADER, Script};
use support::service::{UserManager, serve_with};
use support::story::{chat, chat_with, price_the_model};
use support::wait::eventually;

/// A stream that goes on for as long as it takes to stop a process beneath it.
fn long_stream() -> Request {
    let script =
        Script { output_tokens: 200, chunks: 30, chunk_every_ms: 100, ..Script::default() };
    chat_with(&json!({"max_tokens": 200, "stream": true}))
        .without(SCRIPT_HEADER)
        .json_header(SCRIPT_HEADER, &script)
}

fn assert_whole(answer: &Answer) {
    let events = answer.events();
    assert!(answer.whole && events.last().is_some_and(|last| last == "[DONE]"), "{events:?}");
}

/// A port that nobody has at this moment.
fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn a_stream_outlives_the_restart_and_who_comes_meanwhile_is_answered_by_the_next() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let first = serve_with(&home, &socket, &["--drain", "100s"]).unwrap();
    assert_eq!(first.address(), address);
    assert!(
        first.stderr().contains("handed over"),
        "it is not the configured one: {}",
        first.stderr()
    );
    let mut stream = long_stream().open(address).unwrap();
    stream.read_until("Certainly.");
    let stopping = thread::spawn(move || first.stop());
    eventually("it takes no more connections", || {
        // Who asked once may ask again, who comes anew waits in the socket.
        let waits = Request::get("/healthz").patient(std::time::Duration::from_millis(300));
        waits.try_send(address).is_err().then_some(())
    });
    let queued = thread::spawn(move || chat().send(address));
    assert_whole(&stream.read_all().unwrap());
    let (status, said) = stopping.join().unwrap();
    assert!(status.success(), "{said}");
    assert!(home.calls_at_rest().iter().all(|call| call["status"] == "settled"));
    let _second = serve_with(&home, &socket, &[]).unwrap();
    assert_eq!(queued.join().unwrap().status, 200);
    assert_eq!(home.calls_at_rest().len(), 2);
}

#[test]
fn what_does_not_end_in_time_is_settled() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider);
    price_the_model(&home);
    let server = home.try_serve(&["--listen", "127.0.0.1:0", "--drain", "300ms"]).unwrap();
    let mut stream = long_stream().open(server.address()).unwrap();
    stream.read_until("Certainly.");
    let (status, said) = server.stop();
    assert!(status.success(), "{said}");
    assert!(!stream.read_all().unwrap().whole);
    assert_eq!(home.calls_at_rest()[0]["status"], "estimated");
}

#[test]
fn systemd_hands_its_socket_over() {
    let provider = FakeProvider::start();
    let home = Home::new(&provider).with_env("LISTENED", "yes");
    price_the_model(&home);
    let activate = Path::new("/usr/bin/systemd-socket-activate");
    if !activate.exists() {
        println!("systemd is not installed: its socket was not tried");
        return;
    }
    let address = free_port();
    let listen = format!("--listen={address}");
    let mut command = home.command_of(activate, &[&listen]);
    for name in ["OUTLAY_DATA_DIR", "OUTLAY_CONFIG", "OUTLAY_UPSTREAM_OPENAI"] {
        command.arg(format!("--setenv={name}"));
    }
    command.arg(binary()).args(["serve", "--drain", "100s"]);
    // It starts the program when somebody comes.
    let client = thread::spawn(move || {
        eventually("it is answered", || chat().try_send(address).ok()).status
    });
    let server = home.serve_by(&mut command).unwrap();
    assert_eq!((server.address(), client.join().unwrap()), (address, 200));
}

#[test]
fn a_socket_that_others_reach_is_refused() {
    let home = Home::bare();
    let socket = TcpListener::bind("0.0.0.0:0").unwrap();
    let (status, said) = serve_with(&home, &socket, &[]).unwrap_err();
    assert!(!status.success() && said.contains("--expose"), "{said}");
    assert_eq!(said.trim().lines().count(), 2, "where it listens, and why not: {said}");
}

#[test]
fn without_a_manager_the_files_are_written_and_it_is_said_how_to_start_it() {
    let home = Home::bare()
        .with_env("OUTLAY_UPSTREAM_OPENAI", "http://user:secret@127.0.0.1:9")
        .with_env("OPENAI_API_KEY", "sk-secret");
    home.write_config(&format!("listen = \"{}\"\n", free_port()));
    let none = home.cli(&["service", "status"]);
    assert_eq!((none.code, none.stdout.lines().count()), (1, 1), "{}", none.stdout);
    let said = home.ok(&["service", "install"]);
    assert!(said.contains("systemctl --user enable --now outlay.socket outlay.service"), "{said}");
    assert!(said.contains("OUTLAY_UPSTREAM_OPENAI may hold a password"), "{said}");
    let folder = home.path().join(".config/systemd/user");
    let service = fs::read_to_string(folder.join("outlay.service")).unwrap();
    let data = home.data_dir();
    assert!(service.contains(&format!("OUTLAY_DATA_DIR={}", data.display())), "{service}");
    assert!(!service.contains("secret"), "{service}");
    assert_eq!(home.cli(&["service", "status"]).code, 3);
    assert!(verified(&folder), "systemd-analyze finds fault with\n{service}");
    let removed = home.ok(&["service", "uninstall"]);
    assert_eq!(removed.lines().count(), 1, "{removed}");
    assert!(removed.starts_with("Removed ") && !removed.contains("Ended"), "{removed}");
    assert!(
        removed.contains("outlay.service and ") && removed.contains("outlay.socket."),
        "{removed}"
    );
    assert!(fs::read_dir(&folder).unwrap().next().is_none());
    assert!(home.ok(&["service", "uninstall"]).contains("No service was installed"));
}

/// Whether systemd understands the units; `true` where it is not there to be asked.
fn verified(folder: &Path) -> bool {
    let analyze = Command::new("systemd-analyze")
        .args(["--user", "verify"])
        .args([folder.join("outlay.service"), folder.join("outlay.socket")])
        .env("XDG_RUNTIME_DIR", folder.ancestors().nth(3).unwrap())
        .output();
    let Ok(output) = analyze else {
        println!("systemd-analyze is not installed: the units were not verified");
        return true;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    // Of ours alone; other units of the machine may have faults of their own.
    let about_ours = said.lines().filter(|line| line.contains("outlay")).collect::<Vec<_>>();
    println!("{said}");
    about_ours.is_empty()
}

#[test]
fn the_service_runs_is_restarted_upgraded_and_removed() {
    let provider = FakeProvider::start();
    let bare = Home::new(&provider);
    let manager = match UserManager::start(bare.path()) {
        Ok(manager) => manager,
        Err(reason) => return println!("the service itself was not tried: {reason}"),
    };
    let home = bare.with_env("XDG_RUNTIME_DIR", manager.runtime_dir().to_str().unwrap());
    let address = free_port();
    home.write_config(&format!("listen = \"{address}\"\n"));
    price_the_model(&home);
    // A place with what service files have a meaning for.
    let folder = home.path().join("100% mine $HOME");
    fs::create_dir(&folder).unwrap();
    let program = folder.join("outlay");
    fs::copy(binary(), &program).unwrap();
    let outlay = |arguments: &[&str]| home.command_of(&program, arguments).output().unwrap();
    let said = |arguments: &[&str]| String::from_utf8(outlay(arguments).stdout).unwrap();
    let status = || outlay(&["service", "status"]).status.code();

    assert!(said(&["service", "install"]).contains(&format!("runs at http://{address}")));
    assert!(said(&["service", "install"]).contains("runs at"), "a second time changes nothing");
    assert_eq!(status(), Some(0));
    assert_eq!(chat().send(address).status, 200);
    let by_hand = home.try_serve(&["--listen", &address.to_string()]).unwrap_err().1;
    assert!(by_hand.contains("is the service's") && by_hand.contains("--any-port"), "{by_hand}");

    let ask = |method: &str| {
        let bearer = format!("Bearer {}", home.token());
        Request::new(method, "/api/v1/service").header("authorization", &bearer).send(address)
    };
    let own = ask("GET").json();
    assert_eq!((&own["supported"], &own["answers"]), (&json!(true), &json!(true)), "{own}");
    assert_eq!(ask("PUT").status, 200, "it stays as it is");
    let refused = ask("DELETE");
    assert_eq!(refused.status, 409, "it would end while it answers: {}", refused.text());

    let mut stream = long_stream().open(address).unwrap();
    stream.read_until("Certainly.");
    fs::rename(&program, folder.join("old")).unwrap();
    fs::copy(binary(), &program).unwrap();
    let older = said(&["service", "status"]);
    assert!(older.contains("older build than this program: outlay service restart"), "{older}");
    thread::scope(|scope| {
        let restart = scope.spawn(|| outlay(&["service", "restart"]));
        let meanwhile = scope.spawn(|| (0..20).all(|_| chat().send(address).status == 200));
        assert_whole(&stream.read_all().unwrap());
        assert!(restart.join().unwrap().status.success());
        assert!(meanwhile.join().unwrap(), "a connection was turned away");
    });
    let now = said(&["service", "status"]);
    assert!(now.contains("The service runs") && !now.contains("older build"), "{now}");

    let before = address;
    let address = free_port();
    home.write_config(&format!("listen = \"{address}\"\n"));
    assert!(said(&["doctor"]).contains("Have it follow: outlay service install"));
    assert!(said(&["service", "install"]).contains(&format!("runs at http://{address}")));
    assert!(chat().try_send(before).is_err(), "it has moved");
    assert_eq!(status(), Some(0));

    assert!(manager.systemctl(&["stop", "outlay.service"]));
    assert_eq!(status(), Some(3));
    assert_eq!(chat().send(address).status, 200, "a call starts it");
    let calls = home.calls_at_rest();
    assert!(calls.len() == 23 && calls.iter().all(|call| call["status"] == "settled"), "{calls:?}");

    let gone = said(&["uninstall", "--yes"]);
    assert!(gone.contains("keeps what was recorded"), "{gone}");
    assert!(chat().try_send(address).is_err());
    assert_eq!(status(), Some(1));
    assert!(home.data_dir().join("outlay.db").exists());
}
