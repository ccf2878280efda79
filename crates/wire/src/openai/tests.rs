use super::*;

fn read(provider: &str, json: &str) -> Option<OpenAiUsage> {
    read_usage(provider, Json::new(json), Completion::Generated)
}

/// The buckets that are not empty.
type Filled = fn(&mut Usage);

const COUNTS: &[(&str, &str, Option<Filled>)] = &[
    (
        "openai",
        r#"{"prompt_tokens":10,"completion_tokens":0,"total_tokens":10}"#,
        Some(|usage| usage.input_tokens = 10),
    ),
    (
        "openai",
        r#"{"prompt_tokens":100,"completion_tokens":50,"prompt_tokens_details":{"cached_tokens":60,"audio_tokens":10},"completion_tokens_details":{"reasoning_tokens":20,"audio_tokens":5,"rejected_prediction_tokens":3}}"#,
        Some(|usage| {
            usage.input_tokens = 30;
            usage.cache_read_tokens = 60;
            usage.audio_input_tokens = 10;
            usage.output_tokens = 45;
            usage.audio_output_tokens = 5;
            usage.reasoning_tokens = Some(20);
        }),
    ),
    (
        "openai",
        r#"{"input_tokens":100,"output_tokens":5,"input_tokens_details":{"cached_tokens":60,"cache_write_tokens":30}}"#,
        Some(|usage| {
            usage.input_tokens = 10;
            usage.cache_read_tokens = 60;
            usage.cache_write_5m_tokens = 30;
            usage.output_tokens = 5;
        }),
    ),
    (
        "azure",
        r#"{"prompt_tokens":7,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":161}}"#,
        Some(|usage| {
            usage.cache_read_tokens = 7;
            usage.output_tokens = 1;
        }),
    ),
    (
        "azure",
        r#"{"prompt_tokens":19,"completion_tokens":8,"prompt_tokens_details":null,"reasoning_tokens":2}"#,
        Some(|usage| {
            usage.input_tokens = 19;
            usage.output_tokens = 8;
            usage.reasoning_tokens = Some(2);
        }),
    ),
    (
        "deepseek",
        r#"{"completion_tokens":3,"prompt_cache_hit_tokens":5,"prompt_cache_miss_tokens":6}"#,
        Some(|usage| {
            usage.input_tokens = 6;
            usage.cache_read_tokens = 5;
            usage.output_tokens = 3;
        }),
    ),
    (
        "moonshot",
        r#"{"prompt_tokens":9,"completion_tokens":3,"cached_tokens":4}"#,
        Some(|usage| {
            usage.input_tokens = 9;
            usage.output_tokens = 3;
        }),
    ),
    (
        "xai",
        r#"{"prompt_tokens":12,"completion_tokens":1,"total_tokens":303,"completion_tokens_details":{"reasoning_tokens":290}}"#,
        Some(|usage| {
            usage.input_tokens = 12;
            usage.output_tokens = 291;
            usage.reasoning_tokens = Some(290);
        }),
    ),
    (
        "xai",
        r#"{"input_tokens":12,"output_tokens":300,"total_tokens":312,"output_tokens_details":{"reasoning_tokens":290}}"#,
        Some(|usage| {
            usage.input_tokens = 12;
            usage.output_tokens = 300;
            usage.reasoning_tokens = Some(290);
        }),
    ),
    (
        "xai",
        r#"{"prompt_tokens":12,"completion_tokens":5,"completion_tokens_details":{"reasoning_tokens":3}}"#,
        Some(|usage| {
            usage.input_tokens = 12;
            usage.output_tokens = 8;
            usage.reasoning_tokens = Some(3);
        }),
    ),
    (
        "perplexity",
        r#"{"prompt_tokens":33,"completion_tokens":10,"total_tokens":43,"citation_tokens":7,"num_search_queries":28,"reasoning_tokens":95}"#,
        Some(|usage| {
            usage.input_tokens = 33;
            usage.output_tokens = 105;
            usage.reasoning_tokens = Some(95);
            usage.citation_tokens = 7;
            usage.web_searches = 28;
        }),
    ),
    (
        "mistral",
        r#"{"prompt_tokens":13,"completion_tokens":1,"prompt_audio_seconds":36}"#,
        Some(|usage| {
            usage.input_tokens = 13;
            usage.output_tokens = 1;
            usage.audio_ms = 36_000;
        }),
    ),
    ("openai", r#"{"type":"duration","seconds":36.71}"#, Some(|usage| usage.audio_ms = 36_710)),
    (
        "openai",
        r#"{"type":"tokens","input_tokens":9,"input_token_details":{"text_tokens":1,"audio_tokens":8},"output_tokens":5}"#,
        Some(|usage| {
            usage.input_tokens = 1;
            usage.audio_input_tokens = 8;
            usage.output_tokens = 5;
        }),
    ),
    (
        "x",
        r#"{"prompt_tokens":"12","completion_tokens":3.0}"#,
        Some(|usage| {
            usage.input_tokens = 12;
            usage.output_tokens = 3;
        }),
    ),
    (
        "x",
        r#"{"prompt_tokens":12,"total_tokens":15}"#,
        Some(|usage| {
            usage.input_tokens = 12;
            usage.output_tokens = 3;
        }),
    ),
    ("x", r#"{"prompt_tokens":12}"#, None),
    ("x", r#"{"prompt_tokens":-1,"completion_tokens":3}"#, None),
    ("x", r#"{"total_tokens":12}"#, None),
    ("x", "{}", None),
    ("x", "[]", None),
];

#[test]
fn buckets() {
    for &(provider, json, expected) in COUNTS {
        let expected = expected.map(|set| {
            let mut usage = Usage::default();
            set(&mut usage);
            usage
        });
        assert_eq!(read(provider, json).map(|read| read.usage), expected, "{json}");
    }
}

#[test]
fn stated_costs() {
    for (provider, cost, expected) in [
        ("xai", r#""cost_in_usd_ticks":1466250"#, Some("0.000146625")),
        ("work", r#""cost_in_usd_ticks":1"#, Some("0.0000000001")),
        ("perplexity", r#""cost":{"input_tokens_cost":1,"total_cost":0.00605}"#, Some("0.00605")),
        (
            "openrouter",
            r#""cost":3.6e-06,"is_byok":false,"cost_details":{"upstream_inference_cost":0.5}"#,
            Some("0.0000036"),
        ),
        (
            "openrouter",
            r#""cost":0.01,"is_byok":true,"cost_details":{"upstream_inference_cost":0.0000036}"#,
            Some("0.0100036"),
        ),
        ("openrouter", r#""cost":0"#, Some("0.00")),
        ("openrouter", r#""cost":null"#, None),
        ("openrouter", r#""cost":"free""#, None),
        ("openrouter", r#""cost":-1"#, None),
        ("zai", r#""cost":0.5"#, None),
    ] {
        let json = format!(r#"{{"prompt_tokens":1,"completion_tokens":1,{cost}}}"#);
        let stated = read(provider, &json).unwrap().stated_cost;
        assert_eq!(stated.map(|money| money.to_string()).as_deref(), expected, "{cost}");
    }
}

#[test]
fn embeddings_have_no_completion() {
    for json in [r#"{"prompt_tokens":7}"#, r#"{"total_tokens":7}"#] {
        let read = read_usage("openai", Json::new(json), Completion::None).unwrap();
        assert_eq!(read.usage, Usage { input_tokens: 7, ..Usage::default() });
    }
}
