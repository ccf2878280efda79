//! Alerts by webhook and by command, as their receivers see them.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use support::fake_provider::FakeProvider;
use support::outlay::Home;
use support::story::{chat, price_the_model};
use support::wait::eventually;

/// A receiver of webhooks that answers with each of these statuses in turn, and the last for ever.
struct Receiver {
    address: String,
    bodies: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Receiver {
    fn start(statuses: &'static [u16]) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bodies);
        std::thread::spawn(move || {
            for (index, stream) in listener.incoming().map_while(Result::ok).enumerate() {
                let mut reader = BufReader::new(stream);
                let (mut path, mut length) = (String::new(), 0);
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    if let Some(rest) = line.strip_prefix("POST ") {
                        path = rest.split(' ').next().unwrap().to_owned();
                    }
                    if let Some((name, value)) = line.split_once(':')
                        && name.eq_ignore_ascii_case("content-length")
                    {
                        length = value.trim().parse().unwrap();
                    }
                    if line == "\r\n" {
                        break;
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                kept.lock().unwrap().push((path, serde_json::from_slice(&body).unwrap()));
                let status = statuses[index.min(statuses.len() - 1)];
                let answer = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                );
                reader.get_mut().write_all(answer.as_bytes()).unwrap();
            }
        });
        Receiver { address, bodies }
    }

    fn bodies(&self) -> Vec<(String, Value)> {
        self.bodies.lock().unwrap().clone()
    }
}

/// A home with a budget for one call, and these notifications.
fn home(provider: &FakeProvider, notifications: &str) -> Home {
    let home = Home::new(provider);
    home.write_config(&format!("[notifications]\ndesktop = false\n{notifications}"));
    price_the_model(&home);
    home.ok(&["budget", "set", "day", "--limit", "0.002", "--window", "day", "--warn", "100"]);
    home
}

#[test]
fn each_receiver_gets_its_form_and_the_address_is_nowhere() {
    let provider = FakeProvider::start();
    let receiver = Receiver::start(&[204]);
    let address = &receiver.address;
    let home = home(
        &provider,
        &format!(
            "webhook = [\"http://{address}/plain-secret\", \"slack http://{address}/slack-secret\", \
             \"discord http://{address}/discord-secret\"]\n"
        ),
    );
    let server = home.serve();
    for status in [200, 402] {
        assert_eq!(chat().send(server.address()).status, status);
    }
    let refused = |path: &str| {
        let bodies = receiver.bodies();
        bodies.into_iter().find(|(at, body)| at == path && body.to_string().contains("refused"))
    };
    let paths = ["/plain-secret", "/slack-secret", "/discord-secret"];
    let [plain, slack, discord] = paths.map(|path| eventually("a POST", || refused(path)).1);
    assert_eq!(
        (&plain["kind"], &plain["severity"], &plain["subject"], &plain["occurrences"]),
        (&"budget_refused".into(), &"critical".into(), &"day".into(), &1.into())
    );
    assert!(slack["text"].as_str().unwrap().starts_with("*Calls are refused by budget 'day'*\n"));
    assert!(discord["content"].as_str().unwrap().contains("outlay budget raise day --by"));
    let shown = home.ok(&["alerts", "list", "--json"]) + &home.ok(&["alerts", "list"]);
    assert!(shown.contains("webhook 127.0.0.1 3"), "{shown}");
    let (_, log) = server.stop();
    for text in [shown, log] {
        assert!(!text.contains("secret"), "{text}");
    }
}

#[test]
fn what_may_pass_is_tried_again_and_what_may_not_is_given_up() {
    let provider = FakeProvider::start();
    for (statuses, tries, delivered) in [(&[503, 204][..], 2, true), (&[404], 1, false)] {
        let receiver = Receiver::start(statuses);
        let home = home(&provider, &format!("webhook = [\"http://{}/in\"]\n", receiver.address));
        let server = home.serve();
        assert_eq!(chat().send(server.address()).status, 200);
        let alert = eventually("the delivery is over", || {
            let alerts = home.json(&["alerts", "list"]);
            let alert = alerts["alerts"][0].clone();
            let delivery = &alert["deliveries"][0];
            let is_over = delivery["attempts"] != 0 && delivery["next_try_at"].is_null();
            (!delivery.is_null() && is_over).then_some(alert)
        });
        assert_eq!(receiver.bodies().len(), tries, "{alert}");
        assert_eq!(!alert["delivered_at"].is_null(), delivered, "{alert}");
        assert_eq!(alert["deliveries"][0]["attempts"], tries, "{alert}");
        assert_eq!(alert["error"].is_null(), delivered, "{alert}");
    }
}

#[test]
fn a_command_is_told_and_its_failure_is_kept() {
    let provider = FakeProvider::start();
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("told.json");
    let home = home(&provider, &format!("command = \"cat >> '{}'\"\n", told.display()));
    let said = home.ok(&["alerts", "test"]);
    assert!(said.contains("command: run by this command, and it ended well."), "{said}");
    let note: Value = serde_json::from_str(&std::fs::read_to_string(&told).unwrap()).unwrap();
    assert_eq!((&note["kind"], &note["title"]), (&"test".into(), &"Alerts reach you here".into()));

    home.write_config("[notifications]\ndesktop = false\ncommand = \"exit 3\"\n");
    let failed = home.cli(&["alerts", "test"]);
    assert_eq!(failed.code, 1);
    assert!(failed.stderr.contains("the command ended with exit status: 3"), "{}", failed.stderr);
    assert!(failed.stderr.contains("run it by hand"), "{}", failed.stderr);
}

#[test]
fn alerts_are_seen_to_once() {
    let provider = FakeProvider::start();
    let home = home(&provider, "");
    let server = home.serve();
    for status in [200, 402] {
        assert_eq!(chat().send(server.address()).status, status);
    }
    let ids: Vec<String> = home.json(&["alerts", "list"])["alerts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|alert| alert["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(home.ok(&["alerts", "ack", &ids[0]]), "1 alert is marked as seen to.\n");
    assert_eq!(home.ok(&["alerts", "ack"]), "1 alert is marked as seen to.\n");
    assert_eq!(home.ok(&["alerts", "ack"]), "No alert is left to be marked as seen to.\n");
    let unknown = home.cli(&["alerts", "ack", "00000000-0000-7000-8000-000000000000"]);
    assert_eq!(unknown.code, 1);
    assert!(unknown.stderr.contains("there is no alert"), "{}", unknown.stderr);
}

#[test]
fn a_look_around_tells_what_no_call_does() {
    let provider = FakeProvider::start();
    let home = home(&provider, "");
    let server = home.serve();
    for status in [200, 402] {
        assert_eq!(chat().send(server.address()).status, status);
    }
    drop(server);
    // The first look of a process is at its start.
    let mut told = Vec::new();
    for _ in 0..2 {
        let server = home.serve();
        home.ok(&["budget", "raise", "day", "--by", "1"]);
        drop(server);
        let _server = home.serve();
        told = eventually("the room is told of", || {
            let alerts = home.json(&["alerts", "list"])["alerts"].as_array().unwrap().clone();
            let back: Vec<Value> =
                alerts.into_iter().filter(|alert| alert["kind"] == "back_within").collect();
            (!back.is_empty()).then_some(back)
        });
    }
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["title"], "Budget 'day' has room again");
}
