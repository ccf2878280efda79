//! What an answer cost, from what the meter read and how it ended.

use chrono::{DateTime, Utc};
use outlay_core::cost::{self, Basis, Bill, Metered};
use outlay_core::money::Money;
use outlay_core::price::PriceList;
use outlay_core::usage::Usage;
use outlay_wire::{Dialect, Ending, Reading};
use std::time::Duration;

use crate::unseen::Unseen;

/// What a call's cost depends on beside its answer.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) provider: String,
    /// The model asked for; empty where none is named.
    pub(crate) model: String,
    pub(crate) dialect: Dialect,
    /// When it was admitted: decides its price.
    pub(crate) at: DateTime<Utc>,
    /// Bytes of the prompt, without inline media.
    pub(crate) prompt_bytes: u64,
    /// Whether it asked for a stream.
    pub(crate) streams: bool,
    /// Whether what is generated does not all show in the answer: it comes later, or is no text.
    pub(crate) is_hidden: bool,
    /// What else of its usage does not show.
    pub(crate) unseen: Unseen,
    /// The most it can be billed; `None` without a price.
    pub(crate) ceiling: Option<Money>,
}

/// How the transfer of an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The provider had no more to send.
    Complete,
    /// The connection to the provider broke.
    Broken,
    /// The client went away.
    ClientLeft,
    /// We ended it: its money is used up.
    AtLimit,
}

/// What is charged for a call that was sent and whose answer nobody saw: the most it can be.
pub(crate) fn bound(terms: &Terms) -> Bill {
    Bill {
        usage: None,
        cost: terms.ceiling,
        cost_stated: None,
        basis: if terms.ceiling.is_some() { Basis::Estimated } else { Basis::Unpriced },
        price: None,
        service_tier: None,
    }
}

/// What an answer with a success status cost, which came to its end `lasted` after the request had
/// left; `None` where it was not billed. And the class of the error it ended with.
pub(crate) fn of_answer(
    list: &PriceList,
    terms: &Terms,
    reading: &Reading,
    end: End,
    lasted: Duration,
) -> (Option<Bill>, Option<&'static str>) {
    let metered = &reading.metered;
    let is_told = metered.usage.is_some() || metered.stated_cost.is_some();
    match reading.ending {
        Ending::Failed(kind) => {
            let has_output = reading.output_bytes > 0 || metered.usage.is_some_and(has_output);
            let bill = match (is_told, has_output) {
                (true, _) => Some(priced(list, terms, metered)),
                (false, true) => Some(estimated(list, terms, reading, lasted)),
                (false, false) => None,
            };
            (bill, Some(kind.as_str()))
        }
        Ending::Complete if is_told => (Some(priced(list, terms, metered)), None),
        Ending::Complete | Ending::Cut => (Some(unsaid(list, terms, reading, end, lasted)), None),
    }
}

/// The provider did not say, or not to the end.
fn unsaid(list: &PriceList, terms: &Terms, reading: &Reading, end: End, lasted: Duration) -> Bill {
    let is_free = terms.ceiling == Some(Money::ZERO);
    if terms.dialect == Dialect::Other && end == End::Complete && !is_free {
        return Bill { cost: None, basis: Basis::Unpriced, ..bound(terms) };
    }
    // Of a document that did not arrive whole, nothing tells how long it is.
    let is_part = reading.ending == Ending::Cut && reading.whole && !terms.streams;
    if is_part || !reading.readable || terms.is_hidden {
        return bound(terms);
    }
    estimated(list, terms, reading, lasted)
}

fn priced(list: &PriceList, terms: &Terms, metered: &Metered) -> Bill {
    cost::bill(list, &terms.provider, &terms.model, metered, terms.at)
}

fn estimated(list: &PriceList, terms: &Terms, reading: &Reading, lasted: Duration) -> Bill {
    let usage = terms.unseen.usage(reading, terms.prompt_bytes, lasted);
    let bill = priced(list, terms, &Metered { usage: Some(usage), ..reading.metered.clone() });
    match bill.basis {
        Basis::Priced => Bill { basis: Basis::Estimated, ..bill },
        // Counts that nobody said and nobody can price are not worth keeping.
        Basis::Unpriced => Bill { usage: None, ..bill },
        Basis::Stated | Basis::Estimated => bill,
    }
}

fn has_output(usage: Usage) -> bool {
    usage.completion_tokens() > 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use outlay_wire::ErrorKind;

    const LASTED: Duration = Duration::from_secs(3);

    fn terms(model: &str, dialect: Dialect, streams: bool) -> Terms {
        Terms {
            provider: "openai".to_owned(),
            model: model.to_owned(),
            dialect,
            at: "2026-11-18T12:00:00Z".parse().unwrap(),
            prompt_bytes: 4_000,
            streams,
            is_hidden: false,
            unseen: Unseen::default(),
            ceiling: (model == "gpt-4.1").then(|| Money::from_picodollars(7)),
        }
    }

    fn reading(ending: Ending) -> Reading {
        Reading {
            metered: Metered::default(),
            interim: None,
            ending,
            output_bytes: 0,
            whole: true,
            readable: true,
        }
    }

    fn with_text(reading: &Reading) -> Reading {
        Reading { output_bytes: 400, ..reading.clone() }
    }

    fn with_usage(reading: &Reading) -> Reading {
        let usage = Some(Usage { input_tokens: 500, output_tokens: 100, ..Usage::default() });
        Reading { metered: Metered { usage, ..Metered::default() }, ..reading.clone() }
    }

    /// What an answer comes to, in a word.
    fn outcome(terms: &Terms, reading: &Reading, end: End) -> String {
        let (bill, kind) = of_answer(PriceList::embedded(), terms, reading, end, LASTED);
        let word = match &bill {
            None => "none".to_owned(),
            Some(bill) if bill.basis != Basis::Estimated => {
                let cost = bill.cost.map(|cost| format!(" {cost}")).unwrap_or_default();
                format!("{}{cost}", bill.basis)
            }
            Some(bill) if bill.cost == terms.ceiling => "bound".to_owned(),
            Some(bill) => {
                let usage = terms.unseen.usage(reading, terms.prompt_bytes, LASTED);
                assert_eq!(bill.usage, Some(usage));
                assert!(bill.cost > Some(Money::ZERO));
                "estimate".to_owned()
            }
        };
        [Some(word), kind.map(str::to_owned)].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn documents() {
        use Dialect::{OpenAiChat, Other};
        let whole = || reading(Ending::Complete);
        let cut = || reading(Ending::Cut);
        let noise = || Reading { readable: false, ..whole() };
        let known = "gpt-4.1";
        for (model, dialect, reading, end, expected) in [
            (known, OpenAiChat, with_usage(&whole()), End::Complete, "priced 0.0018"),
            ("x", OpenAiChat, with_usage(&whole()), End::Complete, "unpriced"),
            (known, OpenAiChat, with_text(&whole()), End::Complete, "estimate"),
            ("x", OpenAiChat, with_text(&whole()), End::Complete, "unpriced"),
            (known, OpenAiChat, noise(), End::Complete, "bound"),
            (known, OpenAiChat, with_text(&cut()), End::Broken, "bound"),
            (known, OpenAiChat, cut(), End::ClientLeft, "bound"),
            (known, Other, noise(), End::Complete, "unpriced"),
            (known, Other, noise(), End::Broken, "bound"),
            (known, Other, with_usage(&whole()), End::Complete, "priced 0.0018"),
        ] {
            let terms = terms(model, dialect, false);
            assert_eq!(outcome(&terms, &reading, end), expected, "{model} {reading:?} {end:?}");
        }
    }

    #[test]
    fn streams() {
        let events = |ending| Reading { whole: false, ..reading(ending) };
        let failed = || events(Ending::Failed(ErrorKind::Overloaded));
        for (reading, end, expected) in [
            (with_usage(&events(Ending::Complete)), End::Complete, "priced 0.0018"),
            (with_usage(&events(Ending::Complete)), End::ClientLeft, "priced 0.0018"),
            (with_text(&events(Ending::Complete)), End::Complete, "estimate"),
            (with_usage(&events(Ending::Cut)), End::Complete, "estimate"),
            (with_text(&events(Ending::Cut)), End::Broken, "estimate"),
            (reading(Ending::Cut), End::ClientLeft, "estimate"),
            (failed(), End::Complete, "none overloaded"),
            (with_text(&failed()), End::Complete, "estimate overloaded"),
            (with_usage(&failed()), End::Complete, "priced 0.0018 overloaded"),
        ] {
            let terms = terms("gpt-4.1", Dialect::OpenAiChat, true);
            assert_eq!(outcome(&terms, &reading, end), expected, "{reading:?} {end:?}");
        }
    }

    #[test]
    fn what_does_not_show_is_charged_at_its_bound() {
        let terms = Terms { is_hidden: true, ..terms("gpt-4.1", Dialect::OpenAiResponses, false) };
        for (reading, expected) in [
            (reading(Ending::Complete), "bound"),
            (with_usage(&reading(Ending::Complete)), "priced 0.0018"),
        ] {
            assert_eq!(outcome(&terms, &reading, End::Complete), expected);
        }
    }

    #[test]
    fn hidden_parts_of_a_cut_stream_are_charged() {
        let plain = terms("gpt-4.1", Dialect::OpenAiResponses, true);
        let cut = Reading { whole: false, ..with_text(&reading(Ending::Cut)) };
        // $2 per million of prompt, $8 of output; 1,000 and 134 tokens show.
        for (input_tokens_max, output_tokens_max, expected) in [
            (None, None, "0.003072"),
            (Some(100_000), None, "0.201072"),
            (None, Some(8_000), "0.007872"),
            (None, Some(300), "0.0044"),
        ] {
            let terms =
                Terms { unseen: Unseen { input_tokens_max, output_tokens_max }, ..plain.clone() };
            let (bill, _) = of_answer(PriceList::embedded(), &terms, &cut, End::ClientLeft, LASTED);
            let cost = bill.and_then(|bill| bill.cost).map(|cost| cost.to_string());
            assert_eq!(cost.as_deref(), Some(expected), "{terms:?}");
        }
    }

    #[test]
    fn what_nobody_saw_is_charged_at_its_bound() {
        for (model, basis, cost) in [
            ("gpt-4.1", Basis::Estimated, Some(Money::from_picodollars(7))),
            ("x", Basis::Unpriced, None),
        ] {
            let bill = bound(&terms(model, Dialect::OpenAiChat, false));
            assert_eq!((bill.basis, bill.cost), (basis, cost));
        }
    }
}
