//! `[loops]`: what is a loop, and what is done about one.

use chrono::TimeDelta;
use outlay_core::loops::LoopRules;
use outlay_core::money::Money;

use super::ConfigError;
use super::section::Section;

/// The most that a rule can wait for: what it has seen is kept in memory.
const COUNT_MAX: u32 = 1_000;

/// What is a loop, and what is done about one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loops {
    /// From when on something is one.
    pub rules: LoopRules,
    /// Whether loops and bursts are refused.
    pub refuse: bool,
    /// Whether calls are refused while nobody is there.
    pub idle_refuse: bool,
}

pub(super) fn read(mut section: Section) -> Result<Loops, ConfigError> {
    let mut loops = Loops::default();
    let rules = &mut loops.rules;
    for (key, count) in [
        ("same_request", &mut rules.same_request),
        ("refused", &mut rules.refused),
        ("short_streams", &mut rules.short_streams),
        ("burst", &mut rules.burst_times),
    ] {
        // Once is no repetition.
        read_count(&mut section, key, count, |count| count != 1 && count <= COUNT_MAX)?;
    }
    read_count(&mut section, "idle_calls", &mut rules.idle_calls, |_| true)?;
    if let Some(after) = section.duration("idle_after")? {
        rules.idle_after = TimeDelta::from_std(after).unwrap_or(TimeDelta::MAX);
    }
    if let Some(spend) = section.text_or_number("idle_spend")? {
        let wanted = "write an amount in US dollars, like \"1.00\"";
        let parsed = spend.parse::<Money>();
        let amount = section.value("idle_spend", &spend, parsed, wanted)?;
        if amount < Money::ZERO {
            return Err(section.wrong("idle_spend", &spend, wanted));
        }
        rules.idle_spend = amount;
    }
    if let Some(refuse) = section.flag("refuse")? {
        loops.refuse = refuse;
    }
    if let Some(refuse) = section.flag("idle_refuse")? {
        loops.idle_refuse = refuse;
    }
    section.finish()?;
    Ok(loops)
}

fn read_count(
    section: &mut Section,
    key: &str,
    count: &mut u32,
    is_sensible: impl Fn(u32) -> bool,
) -> Result<(), ConfigError> {
    let Some(text) = section.text_or_number(key)? else { return Ok(()) };
    let wanted = "write a whole number from 2 to 1000, or 0 to turn the rule off";
    match text.parse::<u32>().ok().filter(|number| is_sensible(*number)) {
        Some(number) => {
            *count = number;
            Ok(())
        }
        None => Err(section.wrong(key, &text, wanted)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Config;
    use super::*;

    fn parse(text: &str) -> Result<Loops, String> {
        Config::parse(text, Path::new("outlay.toml"), std::iter::empty())
            .map(|config| config.loops)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn every_key_is_read() {
        let all = "[loops]\nrefuse = true\nidle_refuse = true\nsame_request = 5\nrefused = 0\n\
                   short_streams = 30\nburst = 20\nidle_after = \"10m\"\nidle_spend = \"2.50\"\n\
                   idle_calls = 5000\n";
        let rules = LoopRules {
            same_request: 5,
            refused: 0,
            short_streams: 30,
            burst_times: 20,
            idle_after: TimeDelta::minutes(10),
            idle_spend: "2.50".parse().unwrap(),
            idle_calls: 5_000,
        };
        assert_eq!(parse(all), Ok(Loops { rules, refuse: true, idle_refuse: true }));
        assert_eq!(parse(""), Ok(Loops::default()));
        let dollar = Loops::default().rules.idle_spend;
        assert_eq!(parse("[loops]\nidle_spend = 1\n").map(|it| it.rules.idle_spend), Ok(dollar));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, expected) in [
            ("same_request = 1", "'loops.same_request' cannot be \"1\": write a whole number"),
            ("refused = -2", "'loops.refused' cannot be"),
            ("short_streams = 1001", "'loops.short_streams' cannot be"),
            ("burst = \"ten\"", "'loops.burst' cannot be \"ten\""),
            ("idle_spend = \"-1\"", "'loops.idle_spend' cannot be \"-1\": write an amount"),
            ("idle_spend = \"much\"", "loops.idle_spend"),
            ("idle_after = \"soon\"", "'loops.idle_after': 'soon' is not a duration"),
            ("refuse = \"yes\"", "'loops.refuse' cannot be \"yes\": write true or false"),
            ("idle_spent = \"1\"", "did you mean 'loops.idle_spend'?"),
        ] {
            let sentence = parse(&format!("[loops]\n{text}\n")).unwrap_err();
            assert!(sentence.contains(expected), "{text}: {sentence}");
            assert_eq!(sentence.lines().count(), 1, "{sentence}");
        }
    }
}
