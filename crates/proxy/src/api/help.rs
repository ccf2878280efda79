//! `/help/{code}`: what a refusal means and the ways to go on, for who opened its link.

use axum::extract::Path;
use axum::response::{Html, IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use super::error::ApiError;

/// A page: the refusal's code, its title, what it means, and commands with what they do.
struct Page {
    code: &'static str,
    title: &'static str,
    meaning: &'static str,
    commands: &'static [(&'static str, &'static str)],
}

const PAGES: [Page; 5] = [
    Page {
        code: "budget_exceeded",
        title: "A hard budget is used up",
        meaning: "What this call could cost at the most is more than the budget has left, so Outlay did not send it: the provider has billed nothing for it. The refusal names the budget. It lifts by itself when the budget's period ends.",
        commands: &[
            ("outlay status", "shows every budget, what is blocked and until when"),
            ("outlay budget raise NAME --by 2", "more until the period ends"),
            (
                "outlay budget topup NAME --by 5",
                "a reserve that never expires, used after the limit",
            ),
            ("outlay budget set NAME --limit 10", "a higher limit for good"),
            ("outlay budget set NAME --soft", "warn only, never refuse"),
            ("outlay bypass 20m", "lets no limit refuse for twenty minutes"),
            ("outlay wait", "ends when the next call may be sent"),
            ("outlay explain", "which budgets were looked at, and what each had left"),
            ("outlay calls", "what the money went to"),
        ],
    },
    Page {
        code: "budget_busy",
        title: "Running calls hold what is left",
        meaning: "The budget still has money, but calls that are running now hold it until they end: each holds what it may still cost. This call waited its turn for some of it to come back, and not enough did in time. Try again in a moment.",
        commands: &[
            ("outlay status", "shows what is spent and what is held"),
            ("outlay budget raise NAME --by 2", "room for more calls at the same time"),
            ("outlay wait", "ends when the next call may be sent"),
            ("outlay explain", "what was spent, held and needed when this call asked"),
        ],
    },
    Page {
        code: "unpriced_model",
        title: "The model has no price",
        meaning: "A hard budget applies to this call, but nobody knows what its model costs, so the budget could not be kept. Price the model (per million tokens), or let the budget pass models without a price.",
        commands: &[
            ("outlay prices list", "every model that has a price: perhaps the name is misspelt"),
            (
                "outlay prices set MODEL --provider PROVIDER --input 2.50 --output 10",
                "gives it one",
            ),
            ("outlay budget set NAME --allow-unpriced", "lets unpriced models pass this budget"),
        ],
    },
    Page {
        code: "balance_empty",
        title: "The account's credit is gone",
        meaning: "The prepaid credit of the account that pays for this call is at the floor that was set for it, as far as Outlay knows, or the provider said that it is used up. Buy some from the provider, then say so here; or correct the balance if the provider's page shows another. Calls pass again at once.",
        commands: &[
            ("outlay balance list", "what is left, account by account"),
            ("outlay balance add ACCOUNT 20", "you bought 20 dollars of credit"),
            ("outlay balance set ACCOUNT 12.40", "what the provider's page shows now"),
            ("outlay balance floor ACCOUNT off", "refuses nothing for lack of credit"),
        ],
    },
    Page {
        code: "loop_detected",
        title: "The same work again and again",
        meaning: "A client kept sending what looks like the same work without getting anywhere, a project made far more calls than it usually does, or calls went on while nobody was at the keyboard, and outlay.toml says under [loops] that this is refused. It passes again when it has paused for a minute; a changed request passes at once.",
        commands: &[
            ("outlay bypass 10m", "lets everything pass for ten minutes"),
            ("outlay calls --limit 20", "the latest calls, this one included"),
            ("outlay report --by session", "what each session has cost"),
        ],
    },
];

const STYLE: &str = include_str!("help.css");

pub(super) async fn page(Path(code): Path<String>) -> Result<Response, ApiError> {
    if code == "help.css" {
        let headers = [(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "max-age=3600")];
        return Ok((headers, STYLE).into_response());
    }
    match PAGES.iter().find(|page| page.code == code) {
        Some(page) => Ok(Html(page.html()).into_response()),
        None => {
            let codes: Vec<&str> = PAGES.iter().map(|page| page.code).collect();
            Err(ApiError::not_found(format!(
                "there is no page /help/{code}; the pages are: {}",
                codes.join(", ")
            )))
        }
    }
}

impl Page {
    fn html(&self) -> String {
        let Page { code, title, meaning, commands } = self;
        let rows: String = commands
            .iter()
            .map(|(command, does)| format!("<dt><code>{command}</code></dt><dd>{does}</dd>\n"))
            .collect();
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title} - Outlay</title>\n<link rel=\"stylesheet\" href=\"help.css\">\n\
             </head>\n<body>\n<main>\n<p class=\"code\"><code>{code}</code></p>\n\
             <h1>{title}</h1>\n<p>{meaning}</p>\n<h2>What you can do</h2>\n<dl>\n{rows}</dl>\n\
             <p>Names in capitals are yours to fill in. Everything else goes on working \
             meanwhile: reports, the dashboard, settings, and models that cost nothing.</p>\n\
             </main>\n</body>\n</html>\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_need_no_escaping() {
        for page in &PAGES {
            let texts = [page.code, page.title, page.meaning].into_iter();
            let commands = page.commands.iter().flat_map(|(command, does)| [*command, *does]);
            for text in texts.chain(commands) {
                assert!(!text.contains(['<', '>', '&']), "{text}");
            }
        }
    }
}
