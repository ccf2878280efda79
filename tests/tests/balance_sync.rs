//! Asking providers what is left: the shapes that they document, from a server of our own.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;
use support::outlay::Home;
use support::wait::eventually;

/// Answers a GET of each path, and keeps what it was asked with.
struct Teller {
    address: SocketAddr,
    answers: Arc<Mutex<BTreeMap<&'static str, (u16, &'static str)>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Teller {
    fn start(answers: &[(&'static str, u16, &'static str)]) -> Teller {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let answers = answers.iter().map(|&(path, status, body)| (path, (status, body))).collect();
        let (answers, asked) = (Arc::new(Mutex::new(answers)), Arc::new(Mutex::new(Vec::new())));
        let teller = Teller { address, answers: Arc::clone(&answers), asked: Arc::clone(&asked) };
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = Vec::new();
                for line in BufReader::new(&stream).lines() {
                    let Ok(line) = line else { break };
                    if line.is_empty() {
                        break;
                    }
                    head.push(line);
                }
                let Some(first) = head.first() else { continue };
                let path = first.split(' ').nth(1).unwrap_or_default();
                let (status, body) =
                    answers.lock().unwrap().get(path).copied().unwrap_or((404, "{}"));
                asked.lock().unwrap().push(head.join("\n"));
                let length = body.len();
                drop(write!(
                    stream,
                    "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                ));
            }
        });
        teller
    }

    fn set(&self, path: &'static str, status: u16, body: &'static str) {
        self.answers.lock().unwrap().insert(path, (status, body));
    }

    fn asked(&self) -> String {
        self.asked.lock().unwrap().join("\n\n")
    }

    fn home(&self) -> Home {
        let upstream = format!("http://{}", self.address);
        ["DEEPSEEK", "MOONSHOT", "OPENROUTER"].iter().fold(Home::bare(), |home, name| {
            home.with_env(&format!("OUTLAY_UPSTREAM_{name}"), &upstream)
        })
    }
}

const CREDITS: (&str, u16, &str) =
    ("/api/v1/credits", 200, r#"{"data":{"total_credits":20.5,"total_usage":8.1}}"#);
const YUAN: (&str, u16, &str) = (
    "/user/balance",
    200,
    r#"{"is_available":true,"balance_infos":[{"currency":"CNY","total_balance":"88.50","granted_balance":"8.50","topped_up_balance":"80.00"}]}"#,
);
const OWING: (&str, u16, &str) = (
    "/v1/users/me/balance",
    200,
    r#"{"code":0,"data":{"available_balance":1,"voucher_balance":1,"cash_balance":-3.25},"scode":"0x0","status":true}"#,
);

fn balances(home: &Home) -> BTreeMap<String, String> {
    let document: Value = serde_json::from_str(&home.ok(&["balance", "list", "--json"])).unwrap();
    let each = document["balances"].as_array().unwrap().iter().map(|one| {
        let text = |name: &str| one[name].as_str().unwrap().to_owned();
        (text("account"), format!("{} {}", text("remaining"), text("currency")))
    });
    each.collect()
}

#[test]
fn every_provider_that_tells_is_asked_in_its_own_way() {
    let teller = Teller::start(&[CREDITS, YUAN, OWING]);
    let home = teller
        .home()
        .with_env("OPENROUTER_API_KEY", "sk-or-1")
        .with_env("DEEPSEEK_API_KEY", "sk-ds-2")
        .with_env("MOONSHOT_API_KEY", "sk-ms-3");
    let shown = home.ok(&["balance", "sync"]);
    assert!(shown.contains("88.50 CNY") && shown.contains("$12.40"), "{shown}");
    let expected =
        [("deepseek", "88.50 CNY"), ("moonshot", "-2.25 USD"), ("openrouter", "12.40 USD")];
    let expected = expected.map(|(account, left)| (account.to_owned(), left.to_owned()));
    assert_eq!(balances(&home), BTreeMap::from(expected));
    let asked = teller.asked().to_lowercase();
    for key in ["sk-or-1", "sk-ds-2", "sk-ms-3"] {
        assert!(asked.contains(&format!("authorization: bearer {key}")), "{asked}");
    }
}

#[test]
fn what_is_not_told_is_said_and_the_others_are_kept() {
    let teller = Teller::start(&[
        ("/api/v1/credits", 403, r#"{"error":{"message":"Only management keys"}}"#),
        ("/api/v1/key", 200, r#"{"data":{"limit":null,"usage":3}}"#),
        YUAN,
    ]);
    let home =
        teller.home().with_env("OPENROUTER_API_KEY", "sk-or-1").with_env("DEEPSEEK_API_KEY", "k");
    let outcome = home.cli(&["balance", "sync"]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert!(outcome.stderr.contains("openrouter") && outcome.stderr.contains("no 'limit'"));
    assert!(!outcome.stderr.contains("sk-or-1"));
    assert_eq!(balances(&home)["deepseek"], "88.50 CNY");
    // A key that may not see the credits tells its own limit.
    teller.set("/api/v1/key", 200, r#"{"data":{"limit":20,"limit_remaining":7.25,"usage":12.75}}"#);
    home.ok(&["balance", "sync"]);
    assert_eq!(balances(&home)["openrouter"], "7.25 USD");
    let nobody = Home::bare().cli(&["balance", "sync"]);
    assert!(nobody.code == 1 && nobody.stderr.contains("OPENROUTER_API_KEY"), "{nobody:?}");
}

#[test]
fn anywhere_else_is_asked_as_configured() {
    let teller = Teller::start(&[("/credits", 200, r#"{"teams":[{"left":"42.10"}]}"#)]);
    let home = Home::bare().with_env("WORK_KEY", "w-1");
    home.write_config(&format!(
        "[balances.work]\nurl = \"http://{}/credits\"\nheader = \"X-Api-Key\"\npointer = \"/teams/0/left\"\ncurrency = \"EUR\"\nkey_env = \"WORK_KEY\"\n",
        teller.address
    ));
    home.ok(&["balance", "sync"]);
    assert_eq!(balances(&home)["work"], "42.10 EUR");
    assert!(teller.asked().to_lowercase().contains("x-api-key: w-1"), "{}", teller.asked());
}

#[test]
fn a_running_proxy_asks_for_the_accounts_it_knows_and_keeps_no_key() {
    let teller = Teller::start(&[CREDITS, YUAN]);
    let home = teller
        .home()
        .with_env("OPENROUTER_API_KEY", "sk-or-1")
        .with_env("DEEPSEEK_API_KEY", "sk-ds-2");
    home.ok(&["balance", "set", "openrouter", "15"]);
    let server = home.serve();
    eventually("the balance is asked for", || {
        (balances(&home)["openrouter"] == "12.40 USD").then_some(())
    });
    drop(server);
    assert!(!teller.asked().contains("/user/balance"), "nobody asked for that account");
    for entry in std::fs::read_dir(home.data_dir()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("sk-or-1") && !text.contains("sk-ds-2"), "{}", path.display());
    }
}

#[test]
fn the_management_key_of_xai_is_asked_for_its_team_and_then_for_its_month() {
    let teller = Teller::start(&[
        ("/auth/management-keys/validation", 200, r#"{"teamId":"0a1b-2c"}"#),
        (
            "/v1/billing/teams/0a1b-2c/postpaid/invoice/preview",
            200,
            r#"{"coreInvoice":{"prepaidCredits":{"val":"-16847"},"prepaidCreditsUsed":{"val":"-11666"}}}"#,
        ),
    ]);
    let home = Home::bare().with_env("XAI_MANAGEMENT_KEY", "xai-mgmt-1");
    home.write_config(&format!("[balances.xai]\nurl = \"http://{}\"\n", teller.address));
    home.ok(&["balance", "sync"]);
    assert_eq!(balances(&home), BTreeMap::from([("xai".to_owned(), "51.81 USD".to_owned())]));
    let asked = teller.asked().to_lowercase();
    assert_eq!(asked.matches("authorization: bearer xai-mgmt-1").count(), 2, "{asked}");

    teller.set("/auth/management-keys/validation", 403, r#"{"error":"not a management key"}"#);
    let refused = home.cli(&["balance", "sync"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("status 403: not a management key"), "{}", refused.stderr);
}

#[test]
fn a_key_that_is_none_stops_no_proxy() {
    let home = Home::bare().with_env("DEEPSEEK_API_KEY", "a\u{e9}b");
    home.write_config("[balances.work]\nurl = \"http://127.0.0.1:9/x\"\npointer = \"/x\"\nkey_env = \"NONE_SET\"\n");
    let (status, log) = home.serve().stop();
    assert!(status.success());
    assert!(log.contains("[balances.work] needs a key in the variable NONE_SET: set it"), "{log}");
    let asked = home.cli(&["balance", "sync"]);
    assert_eq!(asked.code, 1);
    assert!(asked.stderr.contains("NONE_SET"), "{}", asked.stderr);
}
