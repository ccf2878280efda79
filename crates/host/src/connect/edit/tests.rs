use serde_json::json;

use super::*;

const URL: &str = "http://127.0.0.1:4780/openai/v1";

fn edit(keys: &str, value: &str) -> Edit {
    Edit { path: path(&keys.split('/').collect::<Vec<_>>()), value: json!(value) }
}

/// Sets the value, compares, takes it back, compares.
fn there_and_back(format: Format, before: &str, edit: &Edit, expected: &str) {
    let (after, changes) = format.apply(before, std::slice::from_ref(edit)).unwrap();
    assert_eq!(after, expected, "{format:?} {before:?}");
    assert_eq!(lookup(&format.read(&after).unwrap(), &edit.path), Some(&edit.value));
    let (undone, left) = format.undo(&after, &changes).unwrap();
    assert_eq!(
        (undone.as_str(), left),
        (before, Vec::new()),
        "{format:?} taken back from {after:?}"
    );
}

#[test]
fn json_keeps_all_else() {
    for (before, expected) in [
        ("{}\n", "{\n  \"env\": {\n    \"A\": \"URL\"\n  }\n}\n"),
        (
            "{\n  \"model\": \"m\"\n}\n",
            "{\n  \"model\": \"m\",\n  \"env\": {\n    \"A\": \"URL\"\n  }\n}\n",
        ),
        (
            "{\n\t\"env\": {\n\t\t\"B\": \"b\" // mine\n\t},\n\t\"z\": 1,\n}",
            "{\n\t\"env\": {\n\t\t\"B\": \"b\", // mine\n\t\t\"A\": \"URL\"\n\t},\n\t\"z\": 1,\n}",
        ),
        (
            "// top\r\n{\r\n    \"env\": {\r\n        \"B\": \"b\",\r\n    },\r\n}\r\n",
            "// top\r\n{\r\n    \"env\": {\r\n        \"B\": \"b\",\r\n        \"A\": \"URL\",\r\n    },\r\n}\r\n",
        ),
        (
            "\u{feff}{\"env\": {\"A\": \"old\", \"B\": 1}}",
            "\u{feff}{\"env\": {\"A\": \"URL\", \"B\": 1}}",
        ),
        ("{\"env\": {}}", "{\"env\": {\n    \"A\": \"URL\"\n  }}"),
    ] {
        let expected = expected.replace("URL", URL);
        there_and_back(Format::Json, before, &edit("env/A", URL), &expected);
    }
}

#[test]
fn json_reaches_into_lists() {
    let before = "{\"m\": [{\"id\": \"a\"}, {\"id\": \"b\", \"baseUrl\": \"x\"}]}\n";
    let mut at = path(&["m"]);
    at.extend([Step::Index(1), Step::Key("baseUrl".to_owned())]);
    let edit = Edit { path: at, value: json!(URL) };
    there_and_back(Format::Json, before, &edit, &before.replace("\"x\"", &format!("\"{URL}\"")));
}

#[test]
fn toml_keeps_all_else() {
    for (before, expected) in [
        ("", "k = \"URL\"\n"),
        ("# mine\n[a]\nb = 1\n", "k = \"URL\"\n# mine\n[a]\nb = 1\n"),
        ("m = \"x\" # mine\n\n[a]\nb = 1", "m = \"x\" # mine\nk = \"URL\"\n\n[a]\nb = 1"),
        ("m = 'x'", "m = 'x'\nk = \"URL\""),
        ("m = [\r\n  1,\r\n]\r\n\r\n[a]\r\n", "m = [\r\n  1,\r\n]\r\nk = \"URL\"\r\n\r\n[a]\r\n"),
        ("\u{feff}k = \"old\" # theirs\nm = 1\n", "\u{feff}k = \"URL\" # theirs\nm = 1\n"),
    ] {
        there_and_back(Format::Toml, before, &edit("k", URL), &expected.replace("URL", URL));
    }
    let before = "[p.work]\nbase_url = \"https://x\" # mine\n";
    let expected = before.replace("https://x", URL);
    there_and_back(Format::Toml, before, &edit("p/work/base_url", URL), &expected);
}

#[test]
fn yaml_keeps_all_else() {
    for (keys, before, expected) in [
        ("k", "", "k: URL\n"),
        ("k", "# mine\nmodel: x\n", "# mine\nmodel: x\nk: URL\n"),
        ("k", "k: https://x # old\nmodel: x", "k: URL # old\nmodel: x"),
        ("k", "k: \"a ö: \\\"\" # old\nmodel: x", "k: URL # old\nmodel: x"),
        ("k", "é: ü\r\nmodel: x", "é: ü\r\nmodel: x\r\nk: URL"),
        ("e/A", "", "e:\n  - A=URL\n"),
        ("e/A", "e:\n- B=1 # mine\nmodel: x\n", "e:\n- B=1 # mine\n- A=URL\nmodel: x\n"),
        ("e/A", "e:\n    - B=1\n    - A=2\n", "e:\n    - B=1\n    - A=URL\n"),
        ("e/A", "e: [B=1]\n", "e: [B=1, A=URL]\n"),
        ("e/A", "e: []\nm: 1\n", "e: [A=URL]\nm: 1\n"),
    ] {
        there_and_back(Format::Yaml, before, &edit(keys, URL), &expected.replace("URL", URL));
    }
}

#[test]
fn dotenv_keeps_all_else() {
    for (before, expected) in [
        ("", "A=URL\n"),
        ("# mine\nexport B=\"1\"\n", "# mine\nexport B=\"1\"\nA=URL\n"),
        ("B=1", "B=1\nA=URL"),
        ("A=old\r\nB=1\r\n", "A=URL\r\nB=1\r\n"),
        ("export A = old\n", "export A =URL\n"),
    ] {
        let (after, changes) = Format::DotEnv.apply(before, &[edit("A", URL)]).unwrap();
        assert_eq!(after, expected.replace("URL", URL));
        let (undone, _) = Format::DotEnv.undo(&after, &changes).unwrap();
        assert_eq!(undone.replace("A =old", "A = old"), before);
    }
}

#[test]
fn what_others_changed_since_stays() {
    let before = "{\n  \"a\": 1\n}\n";
    let edits = [edit("env/A", URL), edit("env/B", URL)];
    let (after, changes) = Format::Json.apply(before, &edits).unwrap();
    let theirs = after.replace("\"a\": 1", "\"a\": 2").replacen(URL, "https://mine", 1);
    let (undone, left) = Format::Json.undo(&theirs, &changes).unwrap();
    assert_eq!(undone, "{\n  \"a\": 2,\n  \"env\": {\n    \"A\": \"https://mine\"\n  }\n}\n");
    assert_eq!(left, ["env.A"]);
    let (undone, left) = Format::Json.undo("{}", &changes).unwrap();
    assert_eq!((undone.as_str(), left.len()), ("{}", 0));
}

#[test]
fn what_is_malformed_is_said_with_its_place() {
    for (format, text, line, column) in [
        (Format::Json, "{\n  \"a\": 1\n  \"b\": 2\n}", 2, 9),
        (Format::Json, "{\n  \"a\": ", 2, 0),
        (Format::Json, "{'a': 1}", 1, 2),
        (Format::Toml, "a = 1\nb = = 2\n", 2, 5),
        (Format::Yaml, "a: 1\nb: [1, 2\n", 0, 0),
        (Format::Yaml, "a: 1\n  b: 2\n", 2, 0),
    ] {
        match format.apply(text, &[edit("k", URL)]) {
            Err(EditError::Syntax { line: found, column: at, reason }) => {
                assert!(line == 0 || found == line, "{text:?}: line {found}, {reason}");
                assert!(column == 0 || at == column, "{text:?}: column {at}, {reason}");
                assert!(!reason.contains('\n'), "{reason}");
            }
            other => panic!("{text:?}: {other:?}"),
        }
    }
    for (format, text) in [
        (Format::Json, "[1]"),
        (Format::Json, "{\"k\": 1, \"env\": \"x\"}"),
        (Format::Yaml, "- a\n"),
        (Format::Yaml, "env: x\n"),
    ] {
        let shape = format.apply(text, &[edit("env/A", URL)]);
        assert!(matches!(shape, Err(EditError::Shape { .. })), "{text}: {shape:?}");
    }
}

#[test]
fn emptiness() {
    for (format, text, expected) in [
        (Format::Json, "{}\n", true),
        (Format::Json, "\u{feff}{\r\n}\r\n", true),
        (Format::Json, "{ // mine\n}", false),
        (Format::Toml, "\n", true),
        (Format::Yaml, "{}", false),
        (Format::DotEnv, "# mine\n", false),
    ] {
        assert_eq!(format.is_empty(text), expected, "{format:?} {text:?}");
    }
}
