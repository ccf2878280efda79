use proptest::prelude::*;

use super::*;

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_020 + second, 0).unwrap()
}

fn at_ms(ms: i64) -> DateTime<Utc> {
    at(0) + TimeDelta::milliseconds(ms)
}

const CALLER: Caller<'static> =
    Caller { project: Some("demo"), client: Some("pi"), session: Some("s"), key: Some("k") };

fn ask(body: u64, at: DateTime<Utc>) -> Ask<'static> {
    Ask { caller: CALLER, body: Some(body), idle: None, at }
}

/// The whole answer at once.
fn document(at: DateTime<Utc>) -> End {
    End {
        at,
        lasted: TimeDelta::zero(),
        is_billed: true,
        is_stream: false,
        how: HowEnded::Whole,
        output_tokens: Some(500),
        cost: None,
    }
}

fn stream(at: DateTime<Utc>, lasted_ms: i64, how: HowEnded, output_tokens: Option<u64>) -> End {
    let lasted = TimeDelta::milliseconds(lasted_ms);
    End { lasted, is_stream: true, how, output_tokens, ..document(at) }
}

fn kinds(found: &[Finding]) -> Vec<LoopKind> {
    found.iter().map(|finding| finding.kind).collect()
}

/// What an ask of this body finds; it is answered at once.
fn answered(watch: &mut LoopWatch, body: u64, at: DateTime<Utc>) -> Vec<Finding> {
    let (ticket, found) = watch.asked(&ask(body, at));
    watch.ended(&ticket, &document(at));
    found
}

#[test]
fn the_same_body_again_and_again() {
    let same = LoopKind::SameRequest;
    let same_at = |step: i64, count: i64| (0..count).map(|nth| (1, nth * step)).collect();
    let growing = (0..1_000_i64).map(|nth| (u64::try_from(nth).unwrap(), nth)).collect();
    let interleaved = (0..80_i64).map(|nth| (u64::try_from(nth % 8).unwrap(), nth)).collect();
    let crowded = (0..900_i64).map(|nth| (u64::try_from(nth % 9).unwrap(), nth)).collect();
    type Row<'a> = (&'a str, Vec<(u64, i64)>, &'a [LoopKind]);
    let rows: [Row<'_>; 7] = [
        ("nine times", same_at(1, 9), &[]),
        ("ten times", same_at(1, 10), &[same]),
        ("ten times in five minutes", same_at(33, 10), &[same]),
        ("every 34 seconds for an hour", same_at(34, 106), &[]),
        ("bodies that grow", growing, &[]),
        ("ten times each, seven others between", interleaved, &[same]),
        ("more bodies than are remembered", crowded, &[]),
    ];
    for (name, asks, expected) in rows {
        let mut watch = LoopWatch::new(LoopRules::default());
        let mut last = Vec::new();
        for (body, second) in asks {
            last = answered(&mut watch, body, at(second));
        }
        assert_eq!(kinds(&last), expected, "{name}");
    }
}

#[test]
fn samples_asked_side_by_side_are_no_loop() {
    let mut watch = LoopWatch::new(LoopRules::default());
    for round in 0..9 {
        let tickets: Vec<Ticket> = (0..50)
            .map(|_| {
                let (ticket, found) = watch.asked(&ask(1, at(round)));
                assert_eq!(found, [], "round {round}");
                ticket
            })
            .collect();
        for ticket in &tickets {
            watch.ended(ticket, &document(at(round)));
        }
    }
    assert_eq!(kinds(&answered(&mut watch, 1, at(9))), [LoopKind::SameRequest]);
}

#[test]
fn a_loop_goes_on_until_it_pauses_and_is_news_at_times() {
    let mut watch = LoopWatch::new(LoopRules::default());
    for second in 0..9 {
        assert_eq!(answered(&mut watch, 1, at(second)), []);
    }
    // (second, count, until second, whether it is news); None: no loop (any more).
    let rows = [
        (9, Some((10, 69, true))),
        (10, Some((11, 70, false))),
        (69, Some((12, 129, false))),
        (129, None),
        (130, None),
    ];
    for (second, expected) in rows {
        let found = answered(&mut watch, 1, at(second));
        let told = found.first().map(|it| (it.count, (it.until - at(0)).num_seconds(), it.is_news));
        assert_eq!(told, expected, "second {second}");
    }
    // Begun again: eight more, 22 minutes of it told twice.
    let news: Vec<i64> = (131..1_500)
        .filter(|&second| answered(&mut watch, 1, at(second)).iter().any(|it| it.is_news))
        .collect();
    assert_eq!(news, [909]);
    assert_eq!(answered(&mut watch, 2, at(1_500)), [], "another body is not in the loop");
}

#[test]
fn a_body_that_is_refused_repeats_no_work() {
    let mut watch = LoopWatch::new(LoopRules { refused: 0, ..LoopRules::default() });
    for second in 0..100 {
        let (ticket, found) = watch.asked(&ask(1, at(second)));
        assert_eq!(found, []);
        watch.refused(&ticket, at(second));
    }
    assert_eq!(answered(&mut watch, 1, at(101)), [], "the budget was raised");
}

#[test]
fn what_fails_may_be_tried_again() {
    let mut watch = LoopWatch::new(LoopRules::default());
    for second in 0..200 {
        let (ticket, found) = watch.asked(&ask(1, at(second)));
        assert_eq!(found, []);
        watch.ended(
            &ticket,
            &End { is_billed: false, ..stream(at(second), 100, HowEnded::Cut, None) },
        );
    }
}

#[test]
fn retries_after_refusals() {
    let retries = &[LoopKind::RetriesAfterRefusal][..];
    for (name, count, every_ms, expected) in [
        ("nineteen", 19, 100, &[][..]),
        ("twenty", 20, 100, retries),
        ("twenty in a minute", 20, 3_157, retries),
        ("one every four seconds", 500, 4_000, &[]),
        ("eleven in 185 seconds", 11, 16_800, &[]),
    ] {
        let mut watch = LoopWatch::new(LoopRules::default());
        for nth in 0..count {
            let now = at_ms(nth * every_ms);
            let (ticket, found) = watch.asked(&ask(u64::try_from(nth % 3).unwrap(), now));
            assert_eq!(found, []);
            watch.refused(&ticket, now);
        }
        for (later_s, expected) in [(1, expected), (30, expected), (60, &[])] {
            let now = at_ms((count - 1) * every_ms) + TimeDelta::seconds(later_s);
            let (_, found) = watch.asked(&ask(9, now));
            assert_eq!(kinds(&found), expected, "{name}, {later_s} seconds later");
        }
    }
    assert!(!LoopKind::RetriesAfterRefusal.can_refuse());
}

#[test]
fn streams_that_are_over_at_once() {
    let tight = Some((LoopKind::TightLoop, 61));
    // Each stream: when it ends after the one before, how long it took, how it ended, tokens.
    use HowEnded::{ClientLeft, Cut, Whole};
    for (name, count, every_ms, lasted_ms, how, tokens, expected) in [
        ("241 in 75 seconds, without an end", 241, 311, 300, Cut, None, tight),
        ("96 in 65 seconds, by the cap", 96, 677, 600, Cut, Some(256), tight),
        ("sixty empty ones", 60, 1_900, 1_000, Whole, Some(0), tight),
        ("fifty-nine", 59, 500, 400, Cut, Some(0), None),
        ("slower than thirty a minute", 500, 2_100, 1_500, Cut, Some(0), None),
        ("completions while somebody types", 500, 1_600, 500, Whole, Some(20), None),
        ("completions that are typed over", 500, 400, 390, ClientLeft, Some(20), None),
        ("an agent with quick tools", 500, 1_500, 1_200, Whole, Some(90), None),
        ("agents side by side", 500, 100, 900, Whole, Some(30), None),
        ("long waits", 500, 10_500, 10_400, Cut, Some(0), None),
        ("nobody knows what they said", 500, 500, 400, Whole, None, None),
    ] {
        let mut watch = LoopWatch::new(LoopRules::default());
        let mut found = Vec::new();
        for nth in 1..=count {
            let now = at_ms(nth * every_ms);
            let (ticket, news) = watch.asked(&ask(u64::try_from(nth).unwrap(), now));
            watch.ended(&ticket, &stream(now, lasted_ms, how, tokens));
            found.extend(news.into_iter().map(|it| (it.kind, nth)));
        }
        let (_, news) = watch.asked(&ask(0, at_ms(count * every_ms + 10)));
        found.extend(news.into_iter().map(|it| (it.kind, count + 1)));
        assert_eq!(found.first().copied(), expected, "{name}");
    }
}

#[test]
fn a_tight_loop_lasts_until_it_pauses_or_gets_somewhere() {
    for (name, next_ms, progress, expected) in [
        ("it goes on", 61_000, false, &[LoopKind::TightLoop][..]),
        ("it pauses", 120_000, false, &[]),
        ("a long answer", 61_000, true, &[]),
    ] {
        let mut watch = LoopWatch::new(LoopRules::default());
        for nth in 1..=60 {
            let now = at_ms(nth * 1_000);
            let (ticket, _) = watch.asked(&ask(u64::try_from(nth).unwrap(), now));
            watch.ended(&ticket, &stream(now, 500, HowEnded::Cut, Some(0)));
        }
        if progress {
            let (ticket, _) = watch.asked(&ask(998, at_ms(60_500)));
            watch.ended(&ticket, &stream(at_ms(60_900), 300, HowEnded::Whole, Some(900)));
        }
        let (_, found) = watch.asked(&ask(999, at_ms(next_ms)));
        assert_eq!(kinds(&found), expected, "{name}");
        let other = Caller { session: Some("other"), ..CALLER };
        let (_, found) = watch.asked(&Ask { caller: other, ..ask(999, at_ms(next_ms)) });
        assert_eq!(found, [], "{name}: another session");
    }
}

/// Asks `count` times in the minute that begins at `second`; what the last finds.
fn minute(watch: &mut LoopWatch, project: &str, second: i64, count: u64) -> Vec<Finding> {
    let caller = Caller { project: Some(project), ..CALLER };
    let mut last = Vec::new();
    for nth in 0..count {
        let now =
            at(second) + TimeDelta::milliseconds(i64::try_from(nth * 60_000 / count).unwrap());
        let body = u64::try_from(second).unwrap() * 1_000_000 + nth;
        last = watch.asked(&Ask { caller, body: Some(body), idle: None, at: now }).1;
    }
    last
}

#[test]
fn a_burst_is_far_above_the_projects_own_rate() {
    let burst = &[LoopKind::Burst][..];
    for (usual, minutes, calls, expected) in [
        (5, 10, 59, &[][..]),
        (5, 10, 60, burst),
        (6, 10, 60, &[]),
        (6, 10, 61, burst),
        (200, 10, 2_000, &[]),
        (200, 10, 2_001, burst),
        (5, 9, 5_000, &[]),
    ] {
        let mut watch = LoopWatch::new(LoopRules::default());
        for nth in 0..minutes {
            assert_eq!(minute(&mut watch, "demo", nth * 600, usual), []);
        }
        let found = minute(&mut watch, "demo", 9_000, calls);
        assert_eq!(kinds(&found), expected, "{minutes} minutes of {usual}, then {calls}");
        if let Some(burst) = found.first() {
            assert_eq!((burst.since, burst.until), (at(9_000), at(9_060)));
            assert_eq!(burst.measure, Measure::Usual(u32::try_from(usual).unwrap()));
        }
        assert_eq!(minute(&mut watch, "other", 9_060, calls), [], "a project of its own");
    }
}

#[test]
fn a_burst_that_is_stopped_is_no_usual_minute() {
    let mut watch = LoopWatch::new(LoopRules::default());
    watch.learn(Some("demo"), &[5; 20]);
    // What passes becomes usual when one minute in ten has it.
    for (round, expected) in [59, 59, 59, 590].into_iter().enumerate() {
        let now = at(60 * i64::try_from(round).unwrap());
        let mut passed = 0;
        for nth in 0..5_000 {
            let (ticket, found) = watch.asked(&ask(nth, now));
            match found.is_empty() {
                true => passed += 1,
                false => watch.stopped(&ticket),
            }
        }
        assert_eq!(passed, expected, "round {round}");
    }
}

#[test]
fn spending_while_nobody_is_there() {
    let idle = &[LoopKind::IdleSpend][..];
    let minutes = |count| Some(TimeDelta::minutes(count));
    for (name, away, calls, cost, expected) in [
        ("somebody is there", minutes(0), 200, "1", &[][..]),
        ("away for a short time", minutes(29), 200, "1", &[]),
        ("nobody can tell", None, 200, "1", &[]),
        ("a hundred calls", minutes(30), 100, "0.01", &[]),
        ("more than a hundred calls", minutes(30), 101, "0", idle),
        ("a dollar", minutes(30), 3, "0.50", &[]),
        ("more than a dollar", minutes(30), 4, "0.50", idle),
    ] {
        let mut watch = LoopWatch::new(LoopRules::default());
        let mut last = Vec::new();
        for nth in 0..calls {
            let now = at(nth);
            let body = u64::try_from(nth).unwrap();
            let (ticket, found) = watch.asked(&Ask { idle: away, ..ask(body, now) });
            watch.ended(&ticket, &End { cost: cost.parse().ok(), ..document(now) });
            last = found;
        }
        assert_eq!(kinds(&last), expected, "{name}");
        let back = Ask { idle: minutes(0), ..ask(5_000, at(5_000)) };
        assert_eq!(watch.asked(&back).1, [], "{name}: somebody came back");
    }
}

#[test]
fn an_absence_is_told_once() {
    let mut watch = LoopWatch::new(LoopRules { idle_calls: 1, ..LoopRules::default() });
    let mut news = 0;
    for nth in 0..5_000 {
        let idle = Some(TimeDelta::minutes(30) + TimeDelta::seconds(nth));
        let body = u64::try_from(nth).unwrap();
        let (_, found) = watch.asked(&Ask { idle, ..ask(body, at(nth)) });
        news += found.iter().filter(|it| it.is_news).count();
    }
    assert_eq!(news, 1);
}

#[test]
fn a_rule_that_is_off_finds_nothing() {
    let rules = LoopRules {
        same_request: 0,
        refused: 0,
        short_streams: 0,
        burst_times: 0,
        idle_calls: 0,
        ..LoopRules::default()
    };
    let mut watch = LoopWatch::new(rules);
    watch.learn(Some("demo"), &[1; 20]);
    for second in 0..300 {
        let idle = Some(TimeDelta::hours(9));
        let (ticket, found) = watch.asked(&Ask { idle, ..ask(1, at(second)) });
        assert_eq!(found, []);
        watch.refused(&ticket, at(second));
        watch.ended(&ticket, &stream(at(second), 1, HowEnded::Cut, Some(0)));
    }
}

#[derive(Clone, Debug)]
struct Event {
    session: u8,
    body: u64,
    after_ms: i64,
    /// 0: refused; else a stream of so many tokens, cut where they are odd.
    tokens: u64,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = (0..3_u8, 0..4_u64, -50..9_000_i64, 0..120_u64)
        .prop_map(|(session, body, after_ms, tokens)| Event { session, body, after_ms, tokens });
    prop::collection::vec(event, 1..400)
}

proptest! {
    /// Whatever happens, in whatever order of time: what is found has happened as often as it says,
    /// in its window.
    #[test]
    fn nothing_is_found_below_its_threshold(events in events()) {
        let rules = LoopRules { same_request: 4, refused: 5, short_streams: 6, ..LoopRules::default() };
        let mut watch = LoopWatch::new(rules);
        let mut now = at(0);
        let mut log: Vec<(u8, u64, DateTime<Utc>, u64)> = Vec::new();
        for event in events {
            now += TimeDelta::milliseconds(event.after_ms);
            let session = event.session.to_string();
            let caller = Caller { session: Some(&session), ..CALLER };
            let (ticket, found) =
                watch.asked(&Ask { caller, body: Some(event.body), idle: None, at: now });
            log.push((event.session, event.body, now, event.tokens));
            let how = if event.tokens % 2 == 1 { HowEnded::Cut } else { HowEnded::Whole };
            let end = stream(now, 100, how, Some(event.tokens));
            match event.tokens {
                0 => watch.refused(&ticket, now),
                _ => watch.ended(&ticket, &end),
            }
            for finding in found {
                let within = log.iter().filter(|(session, body, time, tokens)| {
                    *session == event.session && *time >= finding.since
                        && match finding.kind {
                            LoopKind::SameRequest => *body == event.body,
                            LoopKind::RetriesAfterRefusal => *tokens == 0,
                            _ => true,
                        }
                });
                prop_assert!(within.count() >= finding.count as usize, "{finding:?}");
                let least = match finding.kind {
                    LoopKind::SameRequest => rules.same_request,
                    LoopKind::RetriesAfterRefusal => rules.refused,
                    _ => rules.short_streams,
                };
                prop_assert!(finding.count >= least, "{finding:?}");
            }
        }
    }

    #[test]
    fn memory_is_bounded(callers in prop::collection::vec(any::<u32>(), 1..1_200)) {
        let mut watch = LoopWatch::new(LoopRules::default());
        for (nth, caller) in callers.into_iter().enumerate() {
            let name = caller.to_string();
            let caller = Caller { project: Some(&name), session: Some(&name), ..CALLER };
            let body = Some(nth as u64);
            let (ticket, _) = watch.asked(&Ask { caller, body, idle: None, at: at(0) });
            watch.ended(&ticket, &document(at(0)));
            prop_assert!(watch.callers.len() <= 2 * CALLERS_MAX);
            prop_assert!(watch.projects.len() <= 2 * CALLERS_MAX);
        }
    }
}
