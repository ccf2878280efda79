//! Months of coding days, made up from a seed. Their shape: work begins around nine, stops for lunch
//! and ends around six, some evenings and weekends have a session; an agent works for a while and
//! then rests; what a quarter-hour costs is spread as the costs of recorded calls are, over orders of
//! magnitude; days differ by a factor; now and then an agent loops through the night.

/// Quarter-hours of a day.
pub(crate) const DAY: usize = 96;

/// Who works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// An agent most of the day, on working days.
    Steady,
    /// Long pauses, and quarter-hours that cost twenty times the usual.
    Bursty,
    /// From afternoon till after midnight, on any day.
    Night,
    /// As steady, and every sixth night an agent is left to loop.
    Loops,
    /// As steady; from the middle on twice as much.
    Growing,
}

pub(crate) const EVERYBODY: [Who; 5] =
    [Who::Steady, Who::Bursty, Who::Night, Who::Loops, Who::Growing];

/// Spend by quarter-hour from a Monday's midnight on, in millionths of a dollar.
pub(crate) fn quarters(who: Who, days: usize, seed: u64) -> Vec<i64> {
    let mut random = Random(seed);
    let mut quarters = vec![0.0; (days + 1) * DAY];
    for day in 0..days {
        let growth = if who == Who::Growing && day >= days / 2 { 2.0 } else { 1.0 };
        let scale = 0.2 * growth * random.spread(if who == Who::Bursty { 0.7 } else { 0.4 });
        for (from, to) in hours(who, day, &mut random) {
            work(&mut quarters, day * DAY, from, to, scale, who, &mut random);
        }
        if who == Who::Loops && day % 6 == 3 {
            let (from, length) = (random.around(92.0, 4.0), random.around(32.0, 10.0));
            let end = (from + length.max(4.0)).min((2 * DAY) as f64) as usize;
            for quarter in from as usize..end {
                quarters[day * DAY + quarter] += 0.5 * random.spread(0.15);
            }
        }
    }
    quarters.into_iter().map(|usd| (usd * 1e6) as i64).collect()
}

/// From when to when there is work on a day, in quarter-hours from its midnight.
fn hours(who: Who, day: usize, random: &mut Random) -> Vec<(f64, f64)> {
    let is_weekend = day % 7 >= 5;
    if who == Who::Night {
        return vec![(random.around(60.0, 4.0), random.around(102.0, 5.0))];
    }
    if (is_weekend && !random.happens(0.3)) || random.happens(0.04) {
        return Vec::new();
    }
    if is_weekend {
        let start = random.around(56.0, 10.0);
        return vec![(start, start + random.around(12.0, 4.0))];
    }
    let lunch = random.around(50.0, 2.0);
    let mut hours = vec![
        (random.around(36.0, 3.0), lunch),
        (lunch + random.around(3.0, 1.0), random.around(72.0, 5.0)),
    ];
    if random.happens(0.25) {
        hours.push((84.0, 84.0 + random.around(8.0, 3.0)));
    }
    hours
}

fn work(
    quarters: &mut [f64],
    midnight: usize,
    from: f64,
    to: f64,
    scale: f64,
    who: Who,
    random: &mut Random,
) {
    let (begins, goes_on) = if who == Who::Bursty { (0.15, 0.6) } else { (0.45, 0.85) };
    let mut is_active = false;
    for quarter in from.max(0.0) as usize..to.max(0.0) as usize {
        is_active = random.happens(if is_active { goes_on } else { begins });
        if is_active {
            let is_burst = random.happens(if who == Who::Bursty { 0.1 } else { 0.02 });
            let burst = if is_burst { 8.0 } else { 1.0 };
            quarters[midnight + quarter] += scale * burst * random.spread(0.9);
        }
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to 1.
    fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn happens(&mut self, chance: f64) -> bool {
        self.part() < chance
    }

    /// Normally distributed.
    fn around(&mut self, middle: f64, width: f64) -> f64 {
        let sum: f64 = (0..12).map(|_| self.part()).sum();
        middle + width * (sum - 6.0)
    }

    /// A factor whose logarithm is normally distributed.
    fn spread(&mut self, width: f64) -> f64 {
        self.around(0.0, width).exp()
    }
}
