//! Which protocol an endpoint speaks, told by its path alone.

use percent_encoding::percent_decode_str;

/// The protocol of one call: how its request, answer and errors are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `…/chat/completions`, of OpenAI and everyone compatible.
    OpenAiChat,
    /// `…/responses`.
    OpenAiResponses,
    /// `…/embeddings`.
    OpenAiEmbeddings,
    /// `…/completions`, the one before chat.
    OpenAiCompletions,
    /// `…/messages`.
    AnthropicMessages,
    /// `…:generateContent` and `…:streamGenerateContent`.
    GeminiGenerate,
    /// `…:embedContent` and `…:batchEmbedContents`.
    GeminiEmbed,
    /// Anything else: usage is read where its shape is one we know.
    Other,
}

impl Dialect {
    /// The dialect of a call to `path` (a query string is ignored), or `None` where the path is not
    /// known; a POST to it is then [`Dialect::Other`].
    #[must_use]
    pub fn of_path(path: &str) -> Option<Dialect> {
        let path = without_query(path);
        let last = path.rsplit('/').next()?;
        if let Some((_, method)) = last.rsplit_once(':') {
            match method {
                "generateContent" | "streamGenerateContent" => {
                    return Some(Dialect::GeminiGenerate);
                }
                "embedContent" | "batchEmbedContents" | "asyncBatchEmbedContent" => {
                    return Some(Dialect::GeminiEmbed);
                }
                // Claude on Vertex AI.
                "rawPredict" | "streamRawPredict" => return Some(Dialect::AnthropicMessages),
                _ => {}
            }
        }
        match last {
            "completions" if path.ends_with("/chat/completions") => Some(Dialect::OpenAiChat),
            "completions" => Some(Dialect::OpenAiCompletions),
            "responses" => Some(Dialect::OpenAiResponses),
            "embeddings" => Some(Dialect::OpenAiEmbeddings),
            "messages" => Some(Dialect::AnthropicMessages),
            _ => None,
        }
    }

    /// The lower-case name used in the ledger and in messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Dialect::OpenAiChat => "openai_chat",
            Dialect::OpenAiResponses => "openai_responses",
            Dialect::OpenAiEmbeddings => "openai_embeddings",
            Dialect::OpenAiCompletions => "openai_completions",
            Dialect::AnthropicMessages => "anthropic_messages",
            Dialect::GeminiGenerate => "gemini_generate",
            Dialect::GeminiEmbed => "gemini_embed",
            Dialect::Other => "other",
        }
    }

    /// Whether errors are written as Google's.
    #[must_use]
    pub fn is_gemini(self) -> bool {
        matches!(self, Dialect::GeminiGenerate | Dialect::GeminiEmbed)
    }
}

/// The model named in a path: Gemini's and Vertex AI's `models/NAME:method`, Azure's
/// `deployments/NAME/…`, Bedrock's `model/NAME/…`. Percent-encoding is undone.
#[must_use]
pub fn model_of_path(path: &str) -> Option<String> {
    let path = without_query(path);
    let mut segments = path.split('/');
    while let Some(segment) = segments.next() {
        if !matches!(segment, "models" | "deployments" | "model" | "tunedModels") {
            continue;
        }
        let name = segments.next()?;
        let decoded = percent_decode_str(name).decode_utf8_lossy();
        let model = match segment {
            // Without a method it is a resource, or the first half of a name with a slash.
            "models" | "tunedModels" => decoded.split_once(':').map_or("", |(model, _)| model),
            // A Bedrock name has colons of its own: anthropic.claude-v2:1.
            _ => decoded.as_ref(),
        };
        return (!model.is_empty()).then(|| model.to_owned());
    }
    None
}

/// Whether a request costs nothing whatever it says: reading, deleting, cancelling, counting
/// tokens, moderation, and storing files, whose later use is what costs.
#[must_use]
pub fn is_free(method: &str, path: &str) -> bool {
    if !method.eq_ignore_ascii_case("POST") {
        return true;
    }
    if Dialect::of_path(path).is_some() {
        return false;
    }
    let mut segments = without_query(path).rsplit('/');
    let last = segments.next().unwrap_or_default();
    let (parent, grandparent) = (segments.next(), segments.next());
    let method = last.rsplit_once(':').map(|(_, method)| method);
    method.is_some_and(|method| FREE_METHODS.contains(&method))
        || FREE_ENDPOINTS.contains(&last)
        // One of them is changed.
        || matches!(parent, Some("files" | "vector_stores"))
        || grandparent == Some("uploads") && matches!(last, "parts" | "complete")
}

const FREE_METHODS: [&str; 5] = ["countTokens", "computeTokens", "upload", "cancel", "delete"];

const FREE_ENDPOINTS: [&str; 10] = [
    "count_tokens",
    "input_tokens",
    "tokenize",
    "models",
    "moderations",
    "cancel",
    "files",
    "uploads",
    "vector_stores",
    "file_batches",
];

fn without_query(path: &str) -> &str {
    // By bytes: each call asks this several times, of a text without either.
    let end = path.bytes().position(|byte| matches!(byte, b'?' | b'#'));
    path[..end.unwrap_or(path.len())].trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dialect_of_a_path() {
        for (path, expected) in [
            ("/v1/chat/completions", Some(Dialect::OpenAiChat)),
            ("/openai/v1/chat/completions?x=/messages", Some(Dialect::OpenAiChat)),
            ("/openai/deployments/gpt-prod/chat/completions", Some(Dialect::OpenAiChat)),
            ("/v1/completions", Some(Dialect::OpenAiCompletions)),
            ("/v1/responses/", Some(Dialect::OpenAiResponses)),
            ("/v1/embeddings", Some(Dialect::OpenAiEmbeddings)),
            ("/v1/messages?beta=true", Some(Dialect::AnthropicMessages)),
            ("/v1beta/models/gemini-3-pro:streamGenerateContent", Some(Dialect::GeminiGenerate)),
            ("/models/gemini-3-pro:generateContent?key=k", Some(Dialect::GeminiGenerate)),
            ("/v1beta/models/e:batchEmbedContents", Some(Dialect::GeminiEmbed)),
            (
                "/v1/projects/p/publishers/anthropic/models/c:rawPredict",
                Some(Dialect::AnthropicMessages),
            ),
            ("/model/m/converse", None),
            ("/v1/images/generations", None),
            ("", None),
        ] {
            assert_eq!(Dialect::of_path(path), expected, "{path}");
        }
    }

    #[test]
    fn model_of_a_path() {
        for (path, expected) in [
            ("/v1beta/models/gemini-3-pro:generateContent", Some("gemini-3-pro")),
            ("/openai/deployments/gpt%20prod/chat/completions", Some("gpt prod")),
            ("/model/anthropic.claude-v2%3A1/converse", Some("anthropic.claude-v2:1")),
            ("/v1/models", None),
            ("/models/meta-llama/Llama-3/v1/chat/completions", None),
            ("/v1/models/:generateContent", None),
            ("/v1/chat/completions?model=models/x", None),
        ] {
            assert_eq!(model_of_path(path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn free_endpoints() {
        for (method, path, expected) in [
            ("GET", "/v1/responses/resp_1", true),
            ("head", "/api/hello", true),
            ("DELETE", "/v1/files/f", true),
            ("POST", "/v1/messages/count_tokens?beta=true", true),
            ("POST", "/v1beta/models/m:countTokens", true),
            ("POST", "/v1/moderations", true),
            ("POST", "/v1/models", true),
            ("POST", "/v1/responses/resp_1/cancel", true),
            ("POST", "/v1/files", true),
            ("POST", "/upload/v1beta/files?key=k", true),
            ("POST", "/v1/files/chat/completions", false),
            ("POST", "/v1/uploads", true),
            ("POST", "/v1/uploads/u/parts", true),
            ("POST", "/v1/uploads/u/complete", true),
            ("POST", "/v1/vector_stores/v", true),
            ("POST", "/v1/vector_stores/v/file_batches", true),
            ("POST", "/v1/vector_stores/v/files/f", true),
            ("POST", "/v1/vector_stores/v/search", false),
            ("POST", "/v1beta/batches/b:cancel", true),
            ("POST", "/v1/batches/b/cancel", true),
            ("POST", "/v1/batches", false),
            ("POST", "/v1/messages/batches", false),
            ("POST", "/v1/fine_tuning/jobs", false),
            ("POST", "/v1beta/fileSearchStores/s:uploadToFileSearchStore", false),
            ("POST", "/v1/messages", false),
            ("POST", "/v1/images/generations", false),
        ] {
            assert_eq!(is_free(method, path), expected, "{method} {path}");
        }
    }
}
