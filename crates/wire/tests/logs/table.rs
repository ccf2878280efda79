//! Tables by a map of their columns.

use outlay_wire::log::table::{self, ColumnMap};

use crate::{about, model, now, tokens};

fn read(map: &str, text: &str) -> Result<(Vec<String>, Vec<String>), String> {
    let map: ColumnMap = map.parse().map_err(|error: table::TableError| error.to_string())?;
    let mut found = Vec::new();
    let broken =
        table::read(text.as_bytes(), &map, now(), &mut found).map_err(|error| error.to_string())?;
    let shown =
        found.iter().map(|call| format!("{} {} {}", model(call), tokens(call), about(call)));
    Ok((shown.collect(), broken.iter().map(ToString::to_string).collect()))
}

#[test]
fn tables() {
    let own = "time,id,provider,model,project,session,status,input_tokens,cache_read_tokens,cache_write_5m_tokens,cache_write_1h_tokens,output_tokens,reasoning_tokens,cost_usd,response_id,duration_ms";
    for (what, map, text, expected) in [
        (
            "Outlay's own export",
            "",
            format!(
                "{own}\n\
                 2026-11-21T20:05:41.858Z,01,openai,gpt-5.2,demo,s,settled,10,20,30,40,50,5,0.000201,r1,876\n\
                 2026-11-21T20:05:41.858Z,02,openai,gpt-5.2,demo,s,refused,,,,,,,,,\n\
                 2026-11-21T20:05:42.858Z,03,work,'=gpt,,,estimated,1,0,0,0,2,,,,\n"
            ),
            vec![
                "openai/gpt-5.2 10+20+30+40>50(5) 20:05:41.858 876 s demo - 0.000201 r1",
                "-/=gpt 1+0+0+0>2(-) 20:05:42.858 - - - - - -",
            ],
        ),
        (
            "another's, by a map",
            "time=When, model=Which,input=In,output=Out,cost=USD,provider=By",
            "\u{feff}When;Which;In;Out;USD;By\n2026-11-21 20:05:41;gpt-5.2;10;5;$0.50;OpenAI\n"
                .to_owned(),
            vec!["openai/gpt-5.2 10+0+0+0>5(-) 20:05:41.000 - - - - 0.50 -"],
        ),
        (
            "another's, with usual names",
            "",
            "Date,Model Name,Prompt Tokens,Completion Tokens,Total Cost\n\
             2026-11-21,m,10,5,1e-3\n1795291541,m,11,5,\n1795291541858,m,12,5,\n\
             2026-11-21 20:05:41 UTC,m,13,5,\n2026-11-21T21:05:41+01:00,m,14,5,\n"
                .to_owned(),
            vec![
                "-/m 10+0+0+0>5(-) 00:00:00.000 - - - - 0.001 -",
                "-/m 11+0+0+0>5(-) 20:05:41.000 - - - - - -",
                "-/m 12+0+0+0>5(-) 20:05:41.858 - - - - - -",
                "-/m 13+0+0+0>5(-) 20:05:41.000 - - - - - -",
                "-/m 14+0+0+0>5(-) 20:05:41.000 - - - - - -",
            ],
        ),
    ] {
        let (calls, broken) = read(map, &text).unwrap();
        assert_eq!(
            (calls, broken.len()),
            (expected.iter().map(|&text| text.to_owned()).collect(), 0),
            "{what}"
        );
    }
}

/// As its usage page exports them: a row for each hour or day, key, model and kind.
#[test]
fn tables_of_openai() {
    let header = "start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,user_id,api_key_id,model,batch,input_tokens,output_tokens,input_cached_tokens,input_audio_tokens,output_audio_tokens";
    let row = |requests: u32, batch: &str, cached: u32| {
        format!(
            "\n1795291541,1795377941,2026-11-21T20:05:41+00:00,,proj_a,{requests},u,k,gpt-5.2,{batch},100,7,{cached},0,0"
        )
    };
    let text = [header, &row(1, "False", 40), &row(0, "", 0), &row(12, "", 0), &row(1, "", 101)];
    let (calls, broken) = read("", &text.concat()).unwrap();
    assert_eq!(calls, ["openai/gpt-5.2 60+40+0+0>7(-) 20:05:41.000 - - proj_a - - -"]);
    assert_eq!(
        broken,
        [
            "line 4: it sums up 12 requests, and the ledger has no sums: only rows of single requests are imported",
            "line 5: more of its input was cached than it has ('101' in column 'input_cached_tokens')",
        ]
    );
    let mut found = Vec::new();
    let batch = [header, &row(1, "True", 0)].concat();
    table::read(batch.as_bytes(), &ColumnMap::default(), now(), &mut found).unwrap();
    assert_eq!(found[0].service_tier.as_deref(), Some("batch"));
}

#[test]
fn rows_that_look_alike() {
    let keys = |text: &str| {
        let mut found = Vec::new();
        table::read(text.as_bytes(), &ColumnMap::default(), now(), &mut found).unwrap();
        found.into_iter().map(|call| call.key).collect::<Vec<_>>()
    };
    let (header, row) = ("time,model,input,output\n", "2026-11-21,m,1,2\n");
    let two = keys(&[header, row, row].concat());
    assert_ne!(two[0], two[1], "two calls");
    assert_eq!(keys(&[header, row, row].concat()), two, "the same two, read again");
    assert_eq!(keys(&[header, row].concat()), two[..1]);
    let named = keys("id,time,model,input,output\nx,2026-11-21,m,1,2\nx,2026-11-22,m,1,3\n");
    assert_eq!(named[0], named[1], "an id is an id");
}

#[test]
fn what_is_wrong_with_a_table() {
    let table = "Day,Model,In,Out\n2026-11-21,m,1,2\n";
    for (map, text, expected) in [
        ("time", table, "'time' is no pair of a field and a column: write it like model=Model"),
        (
            "when=Day",
            table,
            "there is no field 'when': a map knows time, model, input, output, cache_read, cache_write, cache_write_1h, reasoning, audio_input, audio_output, tool_calls, cost, provider, id, response_id, project, session, service_tier, duration_ms, status, cached_input, batch, requests",
        ),
        (
            "time=Date",
            table,
            "there is no column 'Date': the table has 'Day', 'Model', 'In', 'Out'",
        ),
        (
            "time=Day,input=In",
            table,
            "no column is known to hold the output: name it with output=COLUMN; the table has 'Day', 'Model', 'In', 'Out'",
        ),
        ("", "", "it is no table: its first line names no columns"),
        (
            "",
            "\u{0}\u{1}",
            "no column is known to hold the time: name it with time=COLUMN; the table has '\u{0}\u{1}'",
        ),
    ] {
        assert_eq!(read(map, text), Err(expected.to_owned()), "{map}");
    }
    let (calls, broken) = read(
        "time=Day,input=In,output=Out",
        "Day,Model,In,Out\n2026-11-21,m,-1,2\n2026-11-21,m,1,\nsoon,m,1,2\n2036-11-21,m,1,2\n2026-11-21,\"two\nlines\",1,2\n2026-11-21,m,1.5,2\n2026-11-21,m\n2026-11-21,m,1.000,2\n2026-11-21,m,1.0,2\n2026-11-21,m,\"1,000\",2\n2026-11-21,m,1234.000,0.000\n2026-11-21,m,my prompt,2\n",
    )
    .unwrap();
    assert_eq!(calls.len(), 3);
    let no_count =
        "in column 'In' is no count: a whole number from 0 to 2^53 without separators, like 1000";
    assert_eq!(
        broken,
        [
            format!("line 2: '-1' {no_count}"),
            "line 3: it has no count of input and output tokens".to_owned(),
            "line 4: what stands in column 'Day' is no time: it is written like 2026-11-21 20:05:41"
                .to_owned(),
            "line 5: its time is in the future or before 2020 ('2036-11-21' in column 'Day')"
                .to_owned(),
            format!("line 8: '1.5' {no_count}"),
            "line 9: it has no count of input and output tokens".to_owned(),
            format!("line 10: '1.000' {no_count}"),
            format!("line 12: '1,000' {no_count}"),
            format!("line 14: what stands {no_count}"),
        ]
    );
}

#[test]
fn lines_are_counted_as_editors_count_them() {
    for (text, expected) in [
        ("Day,Model,In,Out\r\nsoon,m,1,2\r\n", "line 2"),
        ("Day,Model,In,Out\n\n\nsoon,m,1,2\n", "line 4"),
        ("Day,Model,In,Out\r\n2026-11-21,m,1,2\r\n\r\nsoon,m,1,2", "line 4"),
    ] {
        let (_, broken) = read("time=Day,input=In,output=Out", text).unwrap();
        assert_eq!(broken.len(), 1, "{text:?}");
        assert!(
            broken[0].starts_with(&format!("{expected}: what stands in column 'Day'")),
            "{broken:?}"
        );
    }
}
