//! Recorded exchanges and what is expected of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use serde::Deserialize;
use serde_json::{Value, json};

/// The exchanges that travel with the project.
#[must_use]
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/corpus")
}

/// One recorded exchange, as it stands in a corpus file.
#[derive(Clone, Debug, Deserialize)]
pub struct Exchange {
    /// Names it in this corpus.
    pub id: String,
    /// The provider's host.
    pub host: String,
    /// The method.
    pub method: String,
    /// The vendor's path.
    pub path: String,
    /// The query without its question mark.
    #[serde(default)]
    pub query: Option<String>,
    /// What was asked, where it was recorded.
    pub request_body: Option<Value>,
    /// A subset of the request's headers.
    #[serde(default)]
    pub request_headers: BTreeMap<String, String>,
    /// The status of the answer.
    pub status: u16,
    /// A subset of the answer's headers.
    pub response_headers: BTreeMap<String, String>,
    /// Whether the answer is an event stream.
    pub is_stream: bool,
    response_body: Option<String>,
    response_body_b64: Option<String>,
    wire_body_b64: Option<String>,
}

impl Exchange {
    /// The answer's body as it was on the wire.
    #[must_use]
    pub fn wire_body(&self) -> Vec<u8> {
        let encoded = self.wire_body_b64.as_ref().or(self.response_body_b64.as_ref());
        match (encoded, &self.response_body) {
            (Some(encoded), _) => {
                base64::engine::general_purpose::STANDARD.decode(encoded).unwrap()
            }
            (None, Some(text)) => text.clone().into_bytes(),
            (None, None) => Vec::new(),
        }
    }

    /// Outlay's name of the provider; `None` where it has no route.
    #[must_use]
    pub fn provider(&self) -> Option<&'static str> {
        let host = self.host.as_str();
        [
            ("api.openai.com", "openai"),
            ("api.anthropic.com", "anthropic"),
            ("generativelanguage.googleapis.com", "gemini"),
            ("aiplatform.googleapis.com", "vertex"),
            ("openai.azure.com", "azure"),
            ("api.mistral.ai", "mistral"),
            ("api.groq.com", "groq"),
            ("api.deepseek.com", "deepseek"),
            ("api.x.ai", "xai"),
            ("openrouter.ai", "openrouter"),
            ("api.perplexity.ai", "perplexity"),
            ("api.together.xyz", "together"),
            ("api.moonshot.ai", "moonshot"),
            ("api.cohere.com", "cohere"),
            ("amazonaws.com", "bedrock"),
        ]
        .into_iter()
        .find(|(end, _)| host.ends_with(end))
        .map(|(_, provider)| provider)
    }

    /// Path and query under the proxy, for the provider's route.
    #[must_use]
    pub fn target(&self, provider: &str) -> String {
        // Some recorders lost the model that stands in Gemini's path.
        let path = match self.served_model() {
            Some(model) => self.path.replace("/models/unknown:", &format!("/models/{model}:")),
            None => self.path.clone(),
        };
        match self.query.as_deref().unwrap_or_default() {
            "" => format!("/{provider}{path}"),
            query => format!("/{provider}{path}?{query}"),
        }
    }

    /// What to send: the recorded request, or one that could have led to this answer. A stream
    /// that ends with its usage is asked for as such, else the proxy would rightly hide it.
    #[must_use]
    pub fn request(&self, model: Option<&str>) -> Value {
        let mut body = match &self.request_body {
            Some(body @ Value::Object(_)) => body.clone(),
            _ => {
                let model = model.map(str::to_owned).or_else(|| self.served_model());
                let mut body = json!({"messages": [{"role": "user", "content": "Hello"}]});
                if !self.path.contains("/models/") {
                    body["model"] = json!(model.unwrap_or_else(|| "unknown".to_owned()));
                    body["stream"] = json!(self.is_stream);
                }
                body
            }
        };
        if self.is_stream && self.path.ends_with("/chat/completions") {
            body["stream_options"] = json!({"include_usage": true});
        }
        body
    }

    fn served_model(&self) -> Option<String> {
        let text = self.response_body.as_ref()?;
        let documents = text
            .lines()
            .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
            .chain(serde_json::from_str::<Value>(text));
        documents.into_iter().find_map(|document: Value| {
            [
                &document["model"],
                &document["modelVersion"],
                &document["message"]["model"],
                &document["response"]["model"],
            ]
            .into_iter()
            .find_map(|model| model.as_str().map(str::to_owned))
        })
    }
}

/// What two libraries make of an exchange, as it stands in an `expected/` file.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Opinion {
    /// Names the exchange.
    pub id: String,
    /// The recorder's name of the protocol.
    #[serde(default)]
    pub dialect: Option<String>,
    /// The model asked for.
    #[serde(default)]
    pub model_request: Option<String>,
    /// The model that answered.
    #[serde(default)]
    pub model_response: Option<String>,
    /// The provider's own usage.
    #[serde(default)]
    pub final_usage: Value,
    /// The genai-prices library: usage and cost.
    #[serde(default)]
    pub genai: Value,
    /// The litellm library: usage and cost.
    #[serde(default)]
    pub litellm: Value,
    /// Whether both give the same cost.
    #[serde(default)]
    pub cost_agree: bool,
}

/// All exchanges of a folder, in the order of its files.
///
/// # Panics
/// When the folder holds none, or one that cannot be read.
#[must_use]
pub fn load(folder: &Path) -> Vec<Exchange> {
    let exchanges: Vec<Exchange> = rows(folder);
    assert!(!exchanges.is_empty(), "no recorded exchanges in {}", folder.display());
    exchanges
}

/// The libraries' opinions on the exchanges of a folder, by id.
#[must_use]
pub fn opinions(folder: &Path) -> BTreeMap<String, Opinion> {
    let rows: Vec<Opinion> = rows(&folder.join("expected"));
    rows.into_iter().map(|row| (row.id.clone(), row)).collect()
}

/// One row of the fixtures' `figures.csv`: a column's name and its text.
pub type Figures = BTreeMap<String, String>;

/// What the ledger must say of each fixture, by id.
#[must_use]
pub fn figures() -> BTreeMap<String, Figures> {
    let mut reader = csv::Reader::from_path(fixtures().join("figures.csv")).unwrap();
    reader
        .deserialize()
        .map(|row| row.unwrap())
        .map(|row: Figures| (row["id"].clone(), row))
        .collect()
}

fn rows<T: for<'de> Deserialize<'de>>(folder: &Path) -> Vec<T> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    files.sort();
    let texts: Vec<String> = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}
