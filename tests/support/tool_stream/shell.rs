//! The tool with which a client runs shell commands, found in its request.

use serde_json::{Map, Value, json};

const NAMES: [&str; 4] = ["Bash", "bash", "exec_command", "run_shell_command"];

/// A client's shell, as it describes it to the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shell {
    /// What the model calls it.
    pub name: String,
    schema: Value,
}

impl Shell {
    /// The shell among the tools of a request.
    #[must_use]
    pub fn offered(body: &Value) -> Option<Shell> {
        let in_gemini = body["tools"][0]["functionDeclarations"].as_array();
        let tools = in_gemini.or(body["tools"].as_array())?;
        tools.iter().find_map(|tool| {
            let tool = if tool["function"].is_object() { &tool["function"] } else { tool };
            let name = tool["name"].as_str().filter(|name| NAMES.contains(name))?;
            let schema = ["parameters", "input_schema", "parametersJsonSchema"]
                .into_iter()
                .map(|key| &tool[key])
                .find(|schema| schema.is_object())?;
            Some(Shell { name: name.to_owned(), schema: schema.clone() })
        })
    }

    /// Whether the request brings the result of a tool.
    #[must_use]
    pub fn has_run(body: &Value) -> bool {
        let any = |list: &Value, is_result: &dyn Fn(&Value) -> bool| {
            list.as_array().is_some_and(|items| items.iter().any(is_result))
        };
        any(&body["messages"], &|message| {
            message["role"] == "tool"
                || any(&message["content"], &|block| block["type"] == "tool_result")
        }) || any(&body["input"], &|item| {
            item["type"].as_str().is_some_and(|kind| kind.ends_with("call_output"))
        }) || any(&body["contents"], &|content| {
            any(&content["parts"], &|part| part["functionResponse"].is_object())
        })
    }

    /// Arguments that run `command`; the command comes last, after all else that is required.
    #[must_use]
    pub fn arguments(&self, command: &str) -> Value {
        let properties = &self.schema["properties"];
        let key = if properties["cmd"].is_object() { "cmd" } else { "command" };
        let mut arguments = Map::new();
        let required = self.schema["required"].as_array().into_iter().flatten();
        for name in required.filter_map(Value::as_str).filter(|name| *name != key) {
            let value = match properties[name]["type"].as_str() {
                Some("number" | "integer") => json!(10_000),
                Some("boolean") => json!(false),
                _ => json!("Runs a command"),
            };
            arguments.insert(name.to_owned(), value);
        }
        let value = match properties[key]["type"].as_str() {
            Some("array") => json!(["bash", "-c", command]),
            _ => json!(command),
        };
        arguments.insert(key.to_owned(), value);
        Value::Object(arguments)
    }
}
