"""Compares what Outlay makes of tools' logs with what ccusage and tokscale make of the same logs.

    python3 tests/compare/compare.py [--outlay FILE] [--log-tree FILE] [--seed N] [--big]

Each figure must be the same once the reasons in `mend.py` are out of the way, and each reason must
be needed. Otherwise this ends with 1. It needs npm once, Linux on x86-64, and is no part of CI: a
new version of either tool may count in another way. See README.md for the result.
"""

import argparse
import collections
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from mend import NOT_READ, REASONS, Reason

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUCKETS = ("input", "cache_read", "cache_write", "output")
READERS = ("ccusage", "tokscale")
# How each names what Outlay names otherwise.
TOOLS = {"claude": "claude-code", "gemini": "gemini-cli"}
# Prices that are given to a reader, because offline it has none. All others are its own. tokscale
# has one of Sonnet's, but not for a provider that it does not know, as pi's recorded one.
PRICELESS = {
    "ccusage": ["claude-opus-5-5"],
    "tokscale": [
        "claude-opus-5-5",
        "claude-sonnet-4-5",
        "gemini-3.8-flash",
        "gpt-4o-mini",
        "gpt-5.2",
    ],
}
# Where a reader does not price but believes what the log says.
STATED = {("ccusage", "opencode"), ("ccusage", "pi"), ("tokscale", "opencode")}
# What real tools wrote, beside what the generator made up.
RECORDED = {
    "claude-code.jsonl": ".claude/projects/-home-dev-work/3cbad141.jsonl",
    "codex.jsonl": ".codex/sessions/2026/11/21/rollout-2026-11-21T20-05-44-"
    "01a1ffb6-fbac-76f3-81cb-9c27ea71f29a.jsonl",
    "gemini-cli.jsonl": ".gemini/tmp/recorded/chats/session-2026-11-21.jsonl",
    "qwen-chat.jsonl": ".qwen/projects/recorded/chats/526a3e30.jsonl",
    "qwen-token-usage.jsonl": ".qwen/usage/token-usage-2026-10.jsonl",
    "pi-anthropic.jsonl": ".pi/agent/sessions/--recorded--/2026_anthropic.jsonl",
    "pi-openai.jsonl": ".pi/agent/sessions/--recorded--/2026_openai.jsonl",
    "cline.messages.json": ".cline/data/sessions/1795292549292_ioezk/"
    "1795292549292_ioezk.messages.json",
    "cline.json": ".cline/data/sessions/1795292549292_ioezk/1795292549292_ioezk.json",
}

# Buckets and cost by tool and model.
Figures = dict[tuple[str, str], collections.Counter]


def run(home: pathlib.Path, *command: object, **settings: str) -> str:
    """Runs a program that sees nothing of this machine but the home, and no network."""
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "TZ": "UTC", **settings}
    alone = ["unshare", "--map-root-user", "--net", *map(str, command)]
    done = subprocess.run(alone, env=environment, cwd=home, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed: {done.stderr}")
    return done.stdout


class Outlay:
    """What Outlay has in a ledger of its own."""

    def __init__(self, program: pathlib.Path, home: pathlib.Path, ledger: pathlib.Path) -> None:
        self.program, self.home = program, home
        self.settings = {"OUTLAY_DATA_DIR": str(ledger)}
        self.run("import", "--all")
        calls = map(json.loads, self.run("export", "--format", "json").splitlines())
        self.calls = [call for call in calls if call["source"].startswith("import:")]
        self.unpriced = {call["model"] for call in self.calls if call["basis"] == "unpriced"}
        self.rates: dict[str, dict[str, float]] = {}

    def run(self, *arguments: str) -> str:
        return run(self.home, self.program, *arguments, **self.settings)

    def rates_of(self, model: str) -> dict[str, float]:
        """Dollars for one of each unit."""
        if model not in self.rates:
            [price] = json.loads(self.run("prices", "show", model, "--json"))["prices"]
            self.rates[model] = {it["unit"]: float(it["usd"]) / it["per"] for it in price["rates"]}
        return self.rates[model]

    def figures(self, reader: str) -> Figures:
        """The tokens, and the cost that this reader should come to."""
        figures: Figures = collections.defaultdict(collections.Counter)
        for call in self.calls:
            tool = call["source"].removeprefix("import:")
            if (reader, tool) not in NOT_READ:
                figures[tool, call["model"]].update(
                    input=call["input_tokens"],
                    cache_read=call["cache_read_tokens"],
                    cache_write=call["cache_write_5m_tokens"] + call["cache_write_1h_tokens"],
                    output=call["output_tokens"],
                    cost=self.cost(call, reader, tool),
                )
        return figures

    def cost(self, call: dict, reader: str, tool: str) -> float:
        if (reader, tool) in STATED:
            return float(call["cost_stated_usd"] or 0)
        cost = float(call["cost_usd"] or 0)
        # Neither bills the searches that the provider makes.
        if call["tool_calls"]:
            cost -= call["tool_calls"] * self.rates_of(call["model"])["web_searches"]
        if reader == "tokscale":
            cost -= self.writes_unbilled(call)
        return cost

    def writes_unbilled(self, call: dict) -> float:
        """What tokscale leaves out of the price of cache writes: it bills a write for an hour like
        one for five minutes, and none at all where the price has none, which are input then."""
        short, long = call["cache_write_5m_tokens"], call["cache_write_1h_tokens"]
        if not short + long:
            return 0.0
        rates = self.rates_of(call["model"])
        if "cache_write" not in rates:
            return (short + long) * rates["input"]
        return long * (rates.get("cache_write_1h", rates["cache_write"]) - rates["cache_write"])


class Readers:
    """The two tools, installed where builds are."""

    def __init__(self, folder: pathlib.Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(HERE / name, folder / name)
        quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(["npm", "ci", *quiet], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        packages = folder / "node_modules"
        self.programs = {
            "ccusage": packages / "@ccusage/ccusage-linux-x64/bin/ccusage",
            "tokscale": packages / "@tokscale/cli-linux-x64-gnu/bin/tokscale",
        }
        for program in self.programs.values():
            program.chmod(0o755)

    def figures(self, reader: str, home: pathlib.Path, outlay: Outlay) -> Figures:
        figures: Figures = collections.defaultdict(collections.Counter)
        rates = {model: outlay.rates_of(model) for model in PRICELESS[reader]}
        for tool, model, row in getattr(self, reader)(home, rates):
            figures[TOOLS.get(tool, tool), model].update(row)
        return figures

    def ccusage(self, home: pathlib.Path, rates: dict):
        names = {
            "inputCostPerToken": "input",
            "outputCostPerToken": "output",
            "cacheReadInputTokenCost": "cache_read",
            "cacheCreationInputTokenCost": "cache_write",
        }
        config = home / "ccusage.json"
        prices = in_their_words(names, rates)
        config.write_text(json.dumps({"defaults": {"pricingOverrides": prices}}))
        told = run(home, self.programs["ccusage"], "daily", "--json", "--offline", "--by-agent",
                   "--config", config)
        for day in json.loads(told)["daily"]:
            for agent in day["agents"]:
                for row in agent["modelBreakdowns"]:
                    # It shows whose a model is where the same name is another tool's, too.
                    model = row["modelName"].removeprefix(f"[{agent['agent']}] ")
                    yield agent["agent"], model, {
                        "input": row["inputTokens"],
                        "cache_read": row["cacheReadTokens"],
                        "cache_write": row["cacheCreationTokens"],
                        "output": row["outputTokens"],
                        "cost": row["cost"],
                    }

    def tokscale(self, home: pathlib.Path, rates: dict):
        names = {
            "input_cost_per_token": "input",
            "output_cost_per_token": "output",
            "cache_read_input_token_cost": "cache_read",
            "cache_creation_input_token_cost": "cache_write",
        }
        prices = home / ".config/tokscale/custom-pricing.json"
        prices.parent.mkdir(parents=True, exist_ok=True)
        prices.write_text(json.dumps({"models": in_their_words(names, rates)}))
        told = run(home, self.programs["tokscale"], "models", "--json", "--no-spinner",
                   "--group-by", "client,model")
        for row in json.loads(told)["entries"]:
            yield row["client"], row["model"], {
                "input": row["input"],
                "cache_read": row["cacheRead"],
                "cache_write": row["cacheWrite"],
                "output": row["output"] + row["reasoning"],
                "cost": row["cost"],
            }


def in_their_words(names: dict[str, str], rates: dict) -> dict:
    return {
        model: {theirs: of[ours] for theirs, ours in names.items() if ours in of}
        for model, of in rates.items()
    }


def rows_of(figures: Figures, tool: str) -> list[tuple]:
    """A tool's figures, in an order and a precision in which they can be compared."""
    rows = [(model, row) for (of, model), row in sorted(figures.items()) if of == tool]
    rounded = [(model, *(round(row[it], 9) for it in (*BUCKETS, "cost"))) for model, row in rows]
    return [row for row in rounded if any(row[1:])]


class Comparison:
    def __init__(self, tree: pathlib.Path, outlay: Outlay, readers: Readers, reasons: list[Reason]):
        self.tree, self.outlay, self.readers, self.reasons = tree, outlay, readers, reasons
        self.wrong: list[str] = []

    def read(self, reader: str, reasons: list[Reason]) -> Figures:
        """What it makes of a copy of the logs, in which these reasons are out of the way."""
        with tempfile.TemporaryDirectory() as folder:
            home = pathlib.Path(folder) / "home"
            shutil.copytree(self.tree, home)
            for reason in reasons:
                reason.mend(home)
            return self.readers.figures(reader, home, self.outlay)

    def compare(self, reader: str) -> None:
        reasons = [it for it in self.reasons if reader in it.readers]
        ours, theirs = self.outlay.figures(reader), self.read(reader, reasons)
        as_it_is = self.read(reader, []) if reasons else theirs
        print(f"\n{reader:12}{'':22}{'Outlay':>12}{'as it is':>12}{'explained':>12}"
              f"{'cost':>14}{'expected':>14}")
        for tool, model in sorted(set(ours) | set(theirs)):
            key = tool, model
            rows = [figures.get(key, collections.Counter()) for figures in (ours, as_it_is, theirs)]
            self.compare_model(reader, key, rows)
        for reason in reasons:
            self.weigh(reader, reason, reasons, theirs)

    def compare_model(self, reader: str, key: tuple[str, str], rows: list) -> None:
        our, raw, their = rows
        sums = [sum(row[bucket] for bucket in BUCKETS) for row in rows]
        is_priced = key[1] not in self.outlay.unpriced
        expected = f"{our['cost']:14.6f}" if is_priced else f"{'no price':>14}"
        figures = "".join(f"{it:12}" for it in sums) + f"{their['cost']:14.6f}" + expected
        print(f"{key[0]:12}{key[1]:22}{figures}")
        for bucket in BUCKETS:
            if raw[bucket] != our[bucket]:
                print(f"{'':12}  {bucket:20}" + "".join(f"{row[bucket]:12}" for row in rows))
            if their[bucket] != our[bucket]:
                counts = f"{their[bucket]} {bucket}, not {our[bucket]}"
                self.wrong.append(f"{reader}: {key} has {counts}")
        if is_priced and abs(their["cost"] - our["cost"]) > 1e-9 + 1e-9 * our["cost"]:
            self.wrong.append(f"{reader}: {key} costs {their['cost']}, not {our['cost']}")

    def weigh(self, reader: str, reason: Reason, reasons: list[Reason], theirs: Figures) -> None:
        """Says how much one reason explains. One that explains nothing is a mistake of ours."""
        without = self.read(reader, [it for it in reasons if it is not reason])
        before, after = (rows_of(figures, reason.tool) for figures in (without, theirs))
        if before == after:
            self.wrong.append(f"{reader}: of {reason.tool}, it no longer {reason.why}")
        tokens, cost = (
            sum(sum(row[part]) for row in before) - sum(sum(row[part]) for row in after)
            for part in (slice(1, -1), slice(-1, None))
        )
        print(f"{tokens:+9} tokens, {cost:+9.6f} $: of {reason.tool}, it {reason.why}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Compares Outlay with ccusage and tokscale.")
    built = ROOT / "target/debug"
    parser.add_argument("--outlay", type=pathlib.Path, default=built / "outlay")
    parser.add_argument("--log-tree", type=pathlib.Path, default=built / "log-tree")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--big", action="store_true", help="a year of Claude Code, 387 MB")
    options = parser.parse_args()
    readers = Readers(ROOT / "target/compare")
    with tempfile.TemporaryDirectory() as folder:
        tree, ledger = pathlib.Path(folder, "tree"), pathlib.Path(folder, "ledger")
        size = ["--big"] if options.big else []
        subprocess.run([options.log_tree.resolve(), tree, str(options.seed), *size], check=True)
        if not options.big:
            for name, place in RECORDED.items():
                (tree / place).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(HERE.parent / "fixtures/logs" / name, tree / place)
        outlay = Outlay(options.outlay.resolve(), tree, ledger)
        # There are no traps in the year but copies and repeats, which need no explanation.
        comparison = Comparison(tree, outlay, readers, [] if options.big else REASONS)
        for reader in READERS:
            comparison.compare(reader)
    for line in comparison.wrong:
        print(f"not explained: {line}", file=sys.stderr)
    sys.exit(1 if comparison.wrong else 0)


if __name__ == "__main__":
    main()
