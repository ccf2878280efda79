//! What happens in one simulated schedule, made up from a seed.

use outlay_core::budget::{Anchor, BudgetKind, BudgetUnit, Window};

/// Numbers that look random and follow from their seed (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        // Mixed, or the numbers of one seed would be those of the next, shifted by one.
        Dice(Dice(seed).next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `least` to `most`, both included.
    pub(crate) fn within(&mut self, least: u64, most: u64) -> u64 {
        least + self.next() % (most - least + 1)
    }

    /// True once in so many times.
    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.next().is_multiple_of(times)
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.next() % choices.len() as u64).unwrap()]
    }

    fn small(&mut self) -> usize {
        usize::try_from(self.next() % 64).unwrap()
    }
}

/// One schedule.
/// How much shows of what models generate: all, more than that by our count, less, and too little for
/// any of it to be believed.
pub(crate) const SHOWN_PERCENTS: [u64; 4] = [100, 133, 75, 40];

/// From so much on it is believed.
pub(crate) const BELIEVED_PERCENT: u64 = 50;

#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    /// How many tokens show of a hundred that are generated.
    pub(crate) shown_percent: u64,
    pub(crate) budgets: Vec<BudgetPlan>,
    pub(crate) steps: Vec<Step>,
}

/// A budget that exists from the beginning, or is made later.
#[derive(Clone, Debug)]
pub(crate) struct BudgetPlan {
    pub(crate) kind: BudgetKind,
    pub(crate) unit: BudgetUnit,
    pub(crate) window: Window,
    /// In thousandths of a dollar, hundreds of tokens, or calls.
    pub(crate) limit: u64,
    /// Counts one project only.
    pub(crate) is_of_project: bool,
    pub(crate) may_cap: bool,
}

/// A call as the client makes it and as the provider will serve it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallPlan {
    pub(crate) process: usize,
    pub(crate) is_of_project: bool,
    pub(crate) is_strict: bool,
    pub(crate) input_max: u64,
    /// What its prompt really is.
    pub(crate) input: u64,
    /// Whether all prompts are as dense: an estimate of it errs by nothing.
    pub(crate) is_dense: bool,
    pub(crate) own_cap: Option<u64>,
    pub(crate) floor: u64,
    pub(crate) default_is_proven: bool,
    pub(crate) can_cap: bool,
    pub(crate) can_stop: bool,
    /// Without it caps mean nothing: tools at the provider's side go on.
    pub(crate) is_bounded: bool,
    /// What it would generate if nothing stopped it.
    pub(crate) wants: u64,
}

/// How a running call ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    /// It has said all, or has come to its cap.
    ByItself,
    /// Its client hangs up after this part of the answer, in percent.
    Aborted(u64),
    /// The provider failed and bills nothing.
    Failed,
    /// It was sent, and nobody knows what became of it.
    Lost,
    /// It was never sent.
    Unsent,
}

/// One step. `which` counts among those of that kind there are at the moment.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Call(CallPlan),
    /// A running stream generates so many tokens.
    Generate {
        which: usize,
        tokens: u64,
    },
    End {
        which: usize,
        how: End,
    },
    /// A waiting call asks again.
    Ask {
        which: usize,
    },
    /// A waiting call has waited long enough.
    AskLast {
        which: usize,
    },
    /// A waiting call's client goes away.
    Leave {
        which: usize,
    },
    /// A process dies with all it runs; another takes its place.
    Crash {
        process: usize,
    },
    Recover {
        process: usize,
    },
    Make(BudgetPlan),
    Limit {
        which: usize,
        limit: u64,
    },
    Rewindow {
        which: usize,
        window: Window,
    },
    Raise {
        which: usize,
        by: u64,
        for_ms: Option<i64>,
    },
    Lower {
        which: usize,
    },
    TopUp {
        which: usize,
        by: u64,
    },
    Pause {
        which: usize,
        for_ms: Option<i64>,
    },
    Resume {
        which: usize,
    },
    Remove {
        which: usize,
    },
    Bypass {
        for_ms: i64,
    },
    EndBypass,
    /// The clock moves: back, too, where somebody sets it.
    Clock {
        ms: i64,
    },
}

pub(crate) const HOUR_MS: i64 = 3_600_000;
const FIVE_MINUTES_MS: i64 = 300_000;

/// The schedule of a seed.
pub(crate) fn schedule(seed: u64) -> Schedule {
    let dice = &mut Dice::new(seed);
    let changes_budgets = dice.one_in(2);
    let budgets = (0..dice.within(1, 3)).map(|_| budget(dice)).collect();
    // In every other schedule prompts are as dense as they were thought to be.
    let is_dense = dice.one_in(2);
    let mut steps = Vec::new();
    for _ in 0..dice.within(8, 30) {
        steps.push(step(dice, changes_budgets, is_dense));
        if dice.one_in(25) {
            steps.extend(outlasting(dice));
        }
    }
    Schedule { shown_percent: dice.one_of(&SHOWN_PERCENTS), budgets, steps }
}

fn step(dice: &mut Dice, changes_budgets: bool, is_dense: bool) -> Step {
    let which = dice.small();
    match dice.within(0, if changes_budgets { 127 } else { 99 }) {
        0..35 => Step::Call(call(dice, is_dense)),
        35..53 => Step::Generate { which, tokens: dice.within(1, 160) },
        53..75 => Step::End { which, how: end(dice) },
        75..87 => Step::Ask { which },
        87 => Step::AskLast { which },
        88 => Step::Leave { which },
        89..91 => Step::Crash { process: which % 2 },
        91..93 => Step::Recover { process: which % 2 },
        93..98 => Step::Clock { ms: i64::try_from(dice.within(1, 90_000)).unwrap() },
        98 => Step::Clock { ms: HOUR_MS * dice.one_of(&[1, 5, 12, 24, 24 * 8, 24 * 40]) },
        99 => Step::Clock { ms: -HOUR_MS * dice.one_of(&[1, 5, 24]) },
        100..103 => Step::Make(budget(dice)),
        103..107 => Step::Limit { which, limit: dice.within(0, 40) },
        107..109 => Step::Rewindow { which, window: window(dice) },
        109..113 => {
            let for_ms = dice.one_of(&[None, Some(60_000), Some(HOUR_MS)]);
            Step::Raise { which, by: dice.within(1, 10), for_ms }
        }
        113..116 => Step::TopUp { which, by: dice.within(1, 10) },
        116..119 => Step::Pause { which, for_ms: dice.one_of(&[None, Some(60_000)]) },
        119..121 => Step::Resume { which },
        121 => Step::Lower { which },
        122..124 => Step::Remove { which },
        124..126 => Step::Bypass { for_ms: 60_000 },
        _ => Step::EndBypass,
    }
}

/// A stream outlasts what its bucket counts for in the shortest rolling window, and draws on.
fn outlasting(dice: &mut Dice) -> [Step; 3] {
    let which = dice.small();
    let ms = FIVE_MINUTES_MS + i64::try_from(dice.within(1, 10_000)).unwrap();
    let mut generate = || Step::Generate { which, tokens: dice.within(50, 160) };
    [Step::Clock { ms }, generate(), generate()]
}

fn budget(dice: &mut Dice) -> BudgetPlan {
    BudgetPlan {
        kind: if dice.one_in(8) { BudgetKind::Soft } else { BudgetKind::Hard },
        unit: dice.one_of(&[
            BudgetUnit::Usd,
            BudgetUnit::Usd,
            BudgetUnit::Usd,
            BudgetUnit::Tokens,
            BudgetUnit::Calls,
        ]),
        window: window(dice),
        limit: dice.within(1, 30),
        is_of_project: dice.one_in(3),
        may_cap: !dice.one_in(5),
    }
}

fn window(dice: &mut Dice) -> Window {
    let name =
        dice.one_of(&["call", "5m", "5m", "5h", "3d", "day", "day", "week", "month", "total"]);
    let window = Window::parse(name).unwrap();
    let anchor = match window {
        Window::Day { .. } if dice.one_in(2) => {
            Anchor { reset_at: Some("13:00"), ..Anchor::default() }
        }
        Window::Month { .. } if dice.one_in(2) => {
            Anchor { anchor_day: Some("31"), ..Anchor::default() }
        }
        _ => Anchor::default(),
    };
    window.anchored(&anchor).unwrap()
}

fn call(dice: &mut Dice, is_dense: bool) -> CallPlan {
    let quarter = dice.within(5, 375);
    let input_max = quarter * 4;
    let input = if is_dense { quarter } else { dice.within(0, input_max) };
    CallPlan {
        process: dice.small() % 2,
        is_of_project: dice.one_in(2),
        is_strict: dice.one_in(6),
        input_max,
        input,
        is_dense,
        own_cap: dice.one_in(2).then(|| dice.within(1, 800)),
        floor: dice.one_of(&[16, 64, 300]),
        default_is_proven: dice.one_in(3),
        can_cap: !dice.one_in(3),
        can_stop: dice.one_in(2),
        is_bounded: !dice.one_in(7),
        wants: dice.within(0, 1_600),
    }
}

fn end(dice: &mut Dice) -> End {
    match dice.within(0, 9) {
        0..6 => End::ByItself,
        6 => End::Aborted(dice.within(0, 100)),
        7 => End::Failed,
        8 => End::Lost,
        _ => End::Unsent,
    }
}
