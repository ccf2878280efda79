//! aider: the address of OpenAI in its settings, and the variables that it sets for LiteLLM.

use super::edit::path;
use super::target::Target;
use super::wanted::{Surroundings, Wanted};

pub(super) fn wanted(target: &Target, around: &Surroundings) -> Wanted {
    let openai = target.of("openai", "/v1");
    Wanted {
        notes: around.outranked("AIDER_OPENAI_API_BASE", &openai).into_iter().collect(),
        addresses: vec![
            (path(&["openai-api-base"]), openai),
            (path(&["set-env", "ANTHROPIC_API_BASE"]), target.of("anthropic", "")),
            (path(&["set-env", "GEMINI_API_BASE"]), target.of("gemini", "/v1beta")),
        ],
        ..Wanted::default()
    }
}
