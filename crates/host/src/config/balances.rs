//! `[balances]`: who is asked what is left, beside the providers that tell.

use std::collections::BTreeMap;

use outlay_wire::balance::{Place, TELLERS};

use super::section::Section;
use super::{ConfigError, is_base_url};

pub(super) fn read(mut all: Section) -> Result<BTreeMap<String, Place>, ConfigError> {
    let mut sources = BTreeMap::new();
    for name in all.keys() {
        let Some(mut section) = all.section(&name)? else { continue };
        let url = section.text("url")?;
        if let Some(url) = url.as_deref().filter(|url| !is_base_url(url)) {
            return Err(section.wrong(
                "url",
                url,
                "write an address like \"https://llm.example.com/credits\"",
            ));
        }
        let pointer = section.text("pointer")?;
        if let Some(text) = pointer.as_deref().filter(|text| !text.starts_with('/')) {
            return Err(section.wrong("pointer", text, "write it like \"/data/balance\""));
        }
        let is_known = TELLERS.iter().any(|teller| teller.provider == name);
        if url.is_some() && pointer.is_none() && !is_known {
            let wanted = "say where the amount stands in the answer, like \"/data/balance\"";
            return Err(section.wrong("pointer", "", wanted));
        }
        let currency = section.text("currency")?;
        let is_code = |text: &&str| text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase());
        if let Some(code) = currency.as_deref().filter(|text| !is_code(text)) {
            return Err(section.wrong("currency", code, "write its code, like \"USD\""));
        }
        let header = section.text("header")?;
        let key_env = section.text("key_env")?;
        section.finish()?;
        sources.insert(name, Place { url, header, pointer, currency, key_env });
    }
    Ok(sources)
}
