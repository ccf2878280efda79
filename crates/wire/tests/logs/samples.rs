//! One real file of each tool.

use outlay_wire::log::{self, LogCall, Tool, cline, read_document};

use crate::{about, calls, fixture, model, now, tokens};

fn shown(calls: &[LogCall]) -> Vec<[String; 3]> {
    calls.iter().map(|call| [model(call), tokens(call), about(call)]).collect()
}

#[test]
fn files_of_lines() {
    let codex = "01a1ffb6-fbac-76f3-81cb-9c27ea71f29a";
    let qwen = "526a3e30-9f0d-49b7-b082-183973de60dc";
    for (tool, files, expected) in [
        (
            Tool::ClaudeCode,
            &["claude-code.jsonl"][..],
            vec![[
                "anthropic/claude-opus-5-5".to_owned(),
                "1003+200+30+10>51(0)".to_owned(),
                "20:05:41.858 - 3cbad141-5016-4a7a-ae4f-c2710acb9bc1 /home/dev/work/claude HEAD - \
                 msg_mock1"
                    .to_owned(),
            ]],
        ),
        (
            Tool::Codex,
            &["codex.jsonl"],
            vec![[
                "-/gpt-5.2".to_owned(),
                "945+64+0+0>53(5)".to_owned(),
                format!("20:05:44.789 - {codex} /home/dev/work/codex - - resp_mock3"),
            ]],
        ),
        (Tool::GeminiCli, &["gemini-cli-router-failed.jsonl"], vec![]),
        (
            Tool::GeminiCli,
            &["gemini-cli.jsonl"],
            vec![[
                "gemini/gemini-3.8-flash".to_owned(),
                "942+64+0+0>57(5)".to_owned(),
                "20:09:05.080 - 552c8faa-581d-44ff-9dcf-dfbf530ae021 - - - -".to_owned(),
            ]],
        ),
        (Tool::Qwen, &["qwen-usage-record.jsonl"], vec![]),
        (
            Tool::Qwen,
            &["qwen-chat.jsonl", "qwen-token-usage.jsonl"],
            vec![
                [
                    "-/gpt-4o-mini".to_owned(),
                    "984+64+0+0>66(5)".to_owned(),
                    format!("20:07:48.477 876 {qwen} /home/dev/work/qwen - - chatcmpl-mock16"),
                ],
                [
                    "-/gpt-4o-mini".to_owned(),
                    "987+64+0+0>67(5)".to_owned(),
                    format!("20:07:49.589 794 {qwen} /home/dev/work/qwen - - chatcmpl-mock17"),
                ],
            ],
        ),
        (
            Tool::Pi,
            &["pi-anthropic.jsonl"],
            vec![[
                "-/claude-sonnet-4-5".to_owned(),
                "1057+200+40+0>69(-)".to_owned(),
                "20:07:58.344 43 01a1ffb9-057f-7663-83a7-26ada782eeca /home/dev/work/pi-anthropic \
                 - - msg_mock19"
                    .to_owned(),
            ]],
        ),
        (
            Tool::Pi,
            &["pi-openai.jsonl"],
            vec![[
                "-/gpt-4o-mini".to_owned(),
                "990+64+0+0>68(-)".to_owned(),
                "20:07:53.974 92 01a1ffb8-f392-7540-ae5f-6976fe4d29b9 /home/dev/work/pi-openai - \
                 - chatcmpl-mock18"
                    .to_owned(),
            ]],
        ),
    ] {
        let texts: Vec<String> = files.iter().map(|name| fixture(name)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        assert_eq!(shown(&calls(tool, &texts)), expected, "{files:?}");
    }
}

#[test]
fn documents() {
    let mut found = Vec::new();
    read_document(Tool::Cline, fixture("cline.messages.json").as_bytes(), now(), &mut found)
        .unwrap();
    let expected =
        [["-/gpt-4o-mini", "939+64+0+0>51(-)", "20:22:30.388 - 1795292549292_ioezk - - - -"]];
    assert_eq!(shown(&found), expected);
    let folder = cline::folder(fixture("cline.json").as_bytes());
    assert_eq!(folder.as_deref(), Some("/home/dev/work/cline"));
}

#[test]
fn rows_of_databases() {
    let text = fixture("opencode.jsonl");
    let rows = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let found: Vec<LogCall> = rows
        .filter_map(|row| {
            let text = |name: &str| row[name].as_str().unwrap().to_owned();
            let folder = text("directory");
            log::opencode::call(&text("session"), &text("data"), Some(&folder), now()).unwrap()
        })
        .collect();
    let work = "/home/dev/work/opencode";
    let expected = [
        [
            "openai/gpt-4o-mini".to_owned(),
            "969+64+0+0>61(5)".to_owned(),
            format!(
                "20:07:03.250 3819 ses_e0047ee61ffen6hjxm5gYilDfI {work}-openai - 0.00018675 -"
            ),
        ],
        [
            "anthropic/claude-sonnet-4-5".to_owned(),
            "1039+200+40+0>63(0)".to_owned(),
            format!(
                "20:07:19.743 4161 ses_e0047b381ffeGQWW34QPpg4Hdv {work}-anthropic - 0.004272 -"
            ),
        ],
        [
            "-/gpt-4o-mini".to_owned(),
            "981+64+0+0>65(5)".to_owned(),
            format!("20:07:38.124 4047 ses_e00476b40ffeG8XzeF6Yn8h57u {work}-compat - - -"),
        ],
    ];
    assert_eq!(shown(&found), expected);

    let text = fixture("llm.jsonl");
    let found: Vec<LogCall> = text
        .lines()
        .filter_map(|line| {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            let turn = log::llm::Turn {
                id: row["id"].as_str().unwrap(),
                session: row["thread_id"].as_str(),
                model: row["model"].as_str(),
                resolved_model: row["resolved_model"].as_str(),
                input_tokens: row["input_tokens"].as_i64(),
                output_tokens: row["output_tokens"].as_i64(),
                token_details: row["token_details"].as_str(),
                duration_ms: row["duration_ms"].as_i64(),
                started: row["datetime_utc"].as_str(),
                response_json: row["response_json"].as_str(),
            };
            log::llm::call(&turn, now()).unwrap()
        })
        .collect();
    let expected = [
        [
            "openai/gpt-4o-mini",
            "996+64+0+0>70(5)",
            "20:08:07.427 238 01m7zvja8mbvf5dv85estg5081 - - - chatcmpl-mock20",
        ],
        [
            "openai/gpt-4o-mini",
            "999+64+0+0>71(5)",
            "20:08:12.992 194 01m7zvjfqxtykepxh318x52y3v - - - chatcmpl-mock21",
        ],
        [
            "anthropic/claude-sonnet-4-5",
            "1066+0+0+0>72(-)",
            "20:08:18.770 280 01m7zvjn9s8dhsyjm7rjxydw4z - - - msg_mock22",
        ],
    ];
    assert_eq!(shown(&found), expected);
}
