//! What users of five quota systems know, and would look for here.
//!
//! | system | what it is |
//! |---|---|
//! | callmine | analyses by the month, 402 when they are used up, add-on packs, an anchor day |
//! | sendbolt | mails over rolling 30 days, three headers on each answer, a warning at 80 % |
//! | trustleads | a monthly quota with credits behind it, 403 when both are gone |
//! | vertaaux | a daily quota, and an endpoint that tells how it stands |
//! | provider | prepaid credit, `insufficient_quota` when it is gone, dressed up as 429 |
//!
//! | behaviour | test |
//! |---|---|
//! | an endpoint with plan, totals, reset date and age | `the_quota_endpoint_tells_plan_totals_reset_and_age` |
//! | 401 without a key or with a wrong one, `X-API-Key` or Bearer | `the_quota_endpoint_needs_a_key` |
//! | `X-RateLimit-*` beside it, the reset in unix seconds | `rate_limit_headers_repeat_the_endpoint` |
//! | unlimited is null and absent, never 0 | `what_is_unlimited_is_absent_and_never_0` |
//! | figures as of now, though others change them | `figures_are_as_old_as_they_say` |
//! | used, cap and remaining on every answer | `every_answer_says_used_cap_and_remaining` |
//! | a warning header from 80 % on | `the_warning_header_comes_at_80_percent` |
//! | a banner from 80 % on, another when blocked | `dashboard.rs`: `figures_equal_the_apis_and_a_block_is_shown` |
//! | alerts at 80 and 95 %, or at 70 % of a soft limit | `alerts_come_at_80_and_95_percent_or_where_set` |
//! | alerts reach the screen | `notify.rs`: `each_threshold_is_told_once` |
//! | usage day by day, and by model | `usage_is_told_day_by_day` |
//! | a check before a batch | `a_batch_is_checked_before_it_begins` |
//! | credits behind the quota, used after it | `credits_are_used_after_the_quota_and_only_both_gone_blocks` |
//! | 402, and one of the others where set | `api.rs`: `the_refusals_status_can_be_set` |
//! | the reason, the options, the add-on, what is left and the reset in the body | `the_body_of_a_refusal_says_why_and_how_to_go_on` |
//! | the options work | `main_job.rs`: `the_commands_a_refusal_names_lift_the_block` |
//! | a link that explains it | `the_link_of_a_refusal_opens_without_a_key` |
//! | nobody asks again in vain | `a_refusal_asks_for_no_retry` |
//! | reports, dashboard, downloads and settings while blocked | `what_reads_and_sets_works_while_blocked` |
//! | only what consumes is blocked | `main_job.rs`: `reading_and_free_calls_work_while_blocked` |
//! | skipped work in the history, which goes on afterwards | `skipped_work_is_recorded_and_the_schedule_goes_on` |
//! | what is skipped, failed or free does not count | `what_was_not_done_does_not_count` |
//! | a project's cap stops that project alone | `a_projects_cap_stops_it_though_the_rest_has_room` |
//! | a stuck retry loop is told | `loops.rs`: `the_same_request_again_and_again_is_told_once_and_passes_unless_told_otherwise` |
//! | a pack works at once and never expires | `an_add_on_works_at_once_and_rolls_over_for_ever` |
//! | an upgrade works at once, and for the periods to come | `an_upgrade_works_at_once_and_from_then_on` |
//! | an overage credit for one month | `a_raise_is_over_with_its_month` |
//! | a raised limit works at once | `api.rs`: `a_budget_set_raised_and_removed_over_the_api_governs_calls` |
//! | resets: midnight UTC, the 1st, the anchor day | `a_block_lifts_by_itself_at_its_reset` |
//! | rolling 30 days | `rolling_30_days_give_back_what_is_older` |
//! | queued work waits for the reset | `limits.rs`: `a_script_waits_until_it_may_spend` |
//! | out of money is told from too fast | `insufficient_quota_is_told_from_a_rate_limit` |
//! | out of money alerts each time, at once | `each_time_the_money_is_gone_is_a_critical_alert` |
//! | once out of money, no further call in vain | `cli.rs`: `an_account_is_closed_when_its_provider_says_that_it_is_empty` |
//! | an alert while some credit is left, and the balance at any time | `a_low_balance_is_told_before_it_is_gone` |
//! | credit that expires | `credit_that_expires_is_gone_on_its_day` |
//! | an automatic top-up that does not come | `an_automatic_top_up_that_fails_is_told` |
//! | other errors by their kind | `crates/wire/src/errors.rs`: `kinds_of_errors` |
#![allow(clippy::unwrap_used, reason = "tests")]

mod asking;
mod going_on;
mod provider;
mod refused;

use support::client::Answer;
use support::clock::Clock;
use support::fake_provider::FakeProvider;
use support::outlay::{Home, Server};
use support::story::{chat, price_the_model};

/// A proxy at a time of its own, before a provider on this machine.
struct Shop {
    home: Home,
    server: Server,
    provider: FakeProvider,
    clock: Clock,
}

impl Shop {
    /// Opens at `instant` with these budgets: each what follows `outlay budget set`.
    fn open(instant: &str, budgets: &[&str]) -> Shop {
        let clock = Clock::at(instant);
        let provider = FakeProvider::start();
        let home = Home::new(&provider).with_clock(&clock);
        price_the_model(&home);
        let server = home.serve();
        let shop = Shop { home, server, provider, clock };
        for budget in budgets {
            shop.run(&format!("budget set {budget}"));
        }
        shop
    }

    /// A call of $0.002.
    fn call(&self) -> Answer {
        chat().send(self.server.address())
    }

    /// The statuses of so many calls, one after another.
    fn calls(&self, count: usize) -> Vec<u16> {
        (0..count).map(|_| self.call().status).collect()
    }

    /// Runs a command line that must succeed.
    fn run(&self, line: &str) -> String {
        self.home.ok(&line.split(' ').collect::<Vec<_>>())
    }
}

/// The table above names tests; one that is renamed or dropped must not leave its row behind.
#[test]
fn the_table_names_tests_that_exist() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let own: String = ["asking", "going_on", "provider", "refused"]
        .map(|name| read(&format!("tests/quota_systems/{name}.rs")))
        .concat();
    let table = read("tests/quota_systems/main.rs");
    let rows = table.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("//! |")?.split('|').map(str::trim).collect();
        Some(cells[1].to_owned()).filter(|cell| cell.starts_with('`'))
    });
    let mut named = Vec::new();
    for row in rows {
        let words: Vec<&str> = row.split('`').filter(|word| word.len() > 2).collect();
        let (text, name) = match words[..] {
            [name] => (own.clone(), name),
            [file, name] if file.starts_with("crates/") => (read(&format!("../{file}")), name),
            [file, name] => (read(&format!("tests/{file}")), name),
            _ => panic!("a row names one test: {row}"),
        };
        assert!(text.contains(&format!("fn {name}()")), "there is no test {row}");
        named.push(name.to_owned());
    }
    let tests = own.split("#[test]\nfn ").skip(1).map(|text| text.split('(').next().unwrap());
    for test in tests {
        assert!(named.iter().any(|name| name == test), "{test} has no row");
    }
}
