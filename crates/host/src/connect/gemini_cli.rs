//! Gemini CLI: `GOOGLE_GEMINI_BASE_URL` in the `.env` that it reads. Its settings.json has nothing for
//! an address.

use std::path::PathBuf;

use serde_json::Value;

use super::edit::path;
use super::target::Target;
use super::wanted::{Surroundings, Wanted};

const VARIABLE: &str = "GOOGLE_GEMINI_BASE_URL";

/// It reads one file only, the first that it finds: a new one must not hide `~/.env`.
pub(super) fn file(around: &Surroundings) -> PathBuf {
    let home = home(around);
    let (own, general) = (folder(around).join(".env"), home.join(".env"));
    if !own.exists() && general.is_file() { general } else { own }
}

pub(super) fn folder(around: &Surroundings) -> PathBuf {
    home(around).join(".gemini")
}

pub(super) fn wanted(target: &Target, around: &Surroundings) -> Wanted {
    let ours = target.of("gemini", "");
    let mut notes: Vec<String> = around.outranked(VARIABLE, &ours).into_iter().collect();
    let settings = std::fs::read_to_string(folder(around).join("settings.json"));
    let login = settings.ok().and_then(|text| login(&text));
    match login.as_deref() {
        Some("oauth-personal" | "login_with_google") => notes.push(
            "Gemini CLI is logged in with Google, and only its calls with an API key can be sent \
             here: choose the key with /auth"
                .to_owned(),
        ),
        Some("vertex-ai") => notes.push(
            "Gemini CLI is set to Vertex AI, and only its calls with an API key can be sent here"
                .to_owned(),
        ),
        _ => {}
    }
    notes.push(
        "in a folder with a .env of its own Gemini CLI reads only that one: there start it with \
         outlay run -- gemini"
            .to_owned(),
    );
    Wanted { addresses: vec![(path(&[VARIABLE]), ours)], notes, ..Wanted::default() }
}

fn home(around: &Surroundings) -> PathBuf {
    around.folder("GEMINI_CLI_HOME", "")
}

fn login(settings: &str) -> Option<String> {
    let said = super::edit::Format::Json.read(settings).ok()?;
    said.pointer("/security/auth/selectedType").and_then(Value::as_str).map(str::to_owned)
}
