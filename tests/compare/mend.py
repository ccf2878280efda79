"""Why ccusage and tokscale count differently, each reason with what takes it out of a tree of logs.

A reason is a claim: "it counts forks twice" holds if the figures agree once the forks are gone. So
each comes with a mend, which changes a copy of the logs until the tool reads them as Outlay does.
"""

import datetime
import json
import pathlib
import shutil
import sqlite3
from typing import Callable, NamedTuple


class Reason(NamedTuple):
    """Why a reader's figures of a tool's logs differ."""

    readers: tuple[str, ...]
    tool: str
    why: str
    mend: Callable[[pathlib.Path], None]


def lines_of(home: pathlib.Path, pattern: str, change: Callable[[dict], dict | None]) -> None:
    """Rewrites the lines of JSONL files; without a result a line goes."""
    for path in sorted(home.glob(pattern)):
        kept = []
        for text in path.read_text().splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                # Lines that were cut off stay: to leave them out is the reader's task.
                kept.append(text)
                continue
            line = change(line)
            if line is not None:
                # Both readers look for `"usage":{` before they parse.
                kept.append(json.dumps(line, separators=(",", ":")))
        path.write_text("\n".join(kept) + "\n")


def documents_of(home: pathlib.Path, pattern: str, change: Callable[[dict], None]) -> None:
    for path in sorted(home.glob(pattern)):
        document = json.loads(path.read_text())
        change(document)
        path.write_text(json.dumps(document))


CLAUDE = (".claude/projects/**/*.jsonl", ".config/claude/projects/**/*.jsonl")
NOW = datetime.datetime.now(datetime.timezone.utc).isoformat()


def drop_what_is_no_call(home: pathlib.Path) -> None:
    def change(line: dict) -> dict | None:
        message = line.get("message") if line.get("type") == "assistant" else None
        if not isinstance(message, dict):
            return line
        is_call = (
            not line.get("isApiErrorMessage")
            and line["timestamp"] < NOW
            and message["usage"]["output_tokens"] >= 0
        )
        return line if is_call else None

    for pattern in CLAUDE:
        lines_of(home, pattern, change)


def give_requests_ids(home: pathlib.Path) -> None:
    def change(line: dict) -> dict:
        nested = (line.get("data") or {}).get("message") or {}
        for at in (line, nested):
            if at.get("type") == "assistant":
                at.setdefault("requestId", "req_" + at["message"]["id"])
        return line

    for pattern in CLAUDE:
        lines_of(home, pattern, change)


def move_to_dot_claude(home: pathlib.Path) -> None:
    shutil.copytree(home / ".config/claude", home / ".claude", dirs_exist_ok=True)


def cut_histories_without_turn_ids(home: pathlib.Path) -> None:
    for path in home.glob(".codex/sessions/**/*.jsonl"):
        text = path.read_text()
        lines = [json.loads(line) for line in text.splitlines()]
        if lines[0]["payload"].get("forked_from_id") and '"turn_id"' not in text:
            # What is copied has the fork's time.
            own = [it for it in lines[1:] if it["timestamp"] != lines[0]["timestamp"]]
            path.write_text("".join(json.dumps(line) + "\n" for line in lines[:1] + own))


def gemini_messages(home: pathlib.Path, change: Callable[[dict], None]) -> None:
    def in_line(line: dict) -> dict:
        if line.get("type") == "gemini":
            change(line["tokens"])
        return line

    def in_document(document: dict) -> None:
        for message in document["messages"]:
            in_line(message)

    lines_of(home, ".gemini/tmp/*/chats/*.jsonl", in_line)
    documents_of(home, ".gemini/tmp/*/chats/*.json", in_document)


def count_thoughts_as_output(home: pathlib.Path) -> None:
    def change(tokens: dict) -> None:
        tokens["output"] += tokens["thoughts"]
        tokens["thoughts"] = 0

    gemini_messages(home, change)


def opencode_rows(home: pathlib.Path, sql: str) -> None:
    database = sqlite3.connect(home / ".local/share/opencode/opencode.db")
    database.execute(sql)
    database.commit()
    database.close()


def drop_forked_messages(home: pathlib.Path) -> None:
    first = "SELECT min(id) FROM message GROUP BY data"
    opencode_rows(home, f"DELETE FROM message WHERE id NOT IN ({first})")


def count_reasoning_as_output(home: pathlib.Path) -> None:
    output, reasoning = "data ->> '$.tokens.output'", "data ->> '$.tokens.reasoning'"
    changed = f"'$.tokens.output', {output} + {reasoning}, '$.tokens.reasoning', 0"
    sql = f"UPDATE message SET data = json_set(data, {changed}) WHERE {reasoning} > 0"
    opencode_rows(home, sql)


def write_all_answers(home: pathlib.Path) -> None:
    """Writes an answer for each of Qwen's calls, which only its usage log has all of."""
    for path in home.glob(".qwen/projects/*/chats/*.jsonl"):
        path.unlink()
    answers = []
    for log in sorted(home.glob(".qwen/usage/token-usage-*.jsonl")):
        for call in map(json.loads, log.read_text().splitlines()):
            usage = {
                "promptTokenCount": call["inputTokens"],
                "cachedContentTokenCount": call["cachedTokens"],
                "candidatesTokenCount": call["outputTokens"],
                "thoughtsTokenCount": call["thoughtsTokens"],
            }
            same = {key: call[key] for key in ("sessionId", "timestamp", "model")}
            answer = {"type": "assistant", **same, "uuid": call["id"], "usageMetadata": usage}
            answers.append(json.dumps(answer) + "\n")
    (home / ".qwen/projects/p/chats/all.jsonl").write_text("".join(answers))


def qwen_usages(home: pathlib.Path, change: Callable[[dict], None]) -> None:
    def in_line(line: dict) -> dict:
        if "usageMetadata" in line:
            change(line["usageMetadata"])
        return line

    lines_of(home, ".qwen/projects/*/chats/*.jsonl", in_line)


def take_cached_out_of_input(home: pathlib.Path) -> None:
    def change(usage: dict) -> None:
        usage["promptTokenCount"] -= usage["cachedContentTokenCount"]

    qwen_usages(home, change)


def leave_out_thoughts(home: pathlib.Path) -> None:
    qwen_usages(home, lambda usage: usage.update(thoughtsTokenCount=0))


def drop_cloned_messages(home: pathlib.Path) -> None:
    seen: set[str] = set()

    def change(line: dict) -> dict | None:
        text = json.dumps(line)
        is_new = line.get("type") != "message" or text not in seen
        seen.add(text)
        return line if is_new else None

    lines_of(home, ".pi/agent/sessions/*/*.jsonl", change)


CLINE = ".cline/data/sessions/*/*.messages.json"


def drop_copied_messages(home: pathlib.Path) -> None:
    seen: set[str] = set()

    def change(document: dict) -> None:
        document["messages"] = [it for it in document["messages"] if it["id"] not in seen]
        seen.update(it["id"] for it in document["messages"])

    documents_of(home, CLINE, change)


BOTH, CCUSAGE, TOKSCALE = ("ccusage", "tokscale"), ("ccusage",), ("tokscale",)
# In the order in which they are mended.
REASONS = [
    Reason(BOTH, "claude-code", "counts failed calls, negative counts and calls of the future",
           drop_what_is_no_call),
    Reason(CCUSAGE, "claude-code", "counts each line of a message that has no request id",
           give_requests_ids),
    Reason(TOKSCALE, "claude-code", "does not look into ~/.config/claude", move_to_dot_claude),
    Reason(TOKSCALE, "codex", "counts what a fork copied where turns have no ids",
           cut_histories_without_turn_ids),
    Reason(CCUSAGE, "gemini-cli", "shows output without thoughts, but bills them",
           count_thoughts_as_output),
    Reason(CCUSAGE, "opencode", "counts a forked session's messages again", drop_forked_messages),
    Reason(CCUSAGE, "opencode", "shows output without reasoning", count_reasoning_as_output),
    Reason(BOTH, "qwen", "reads only the chat's answers: there are none of background calls",
           write_all_answers),
    Reason(BOTH, "qwen", "takes cached tokens for more input", take_cached_out_of_input),
    Reason(BOTH, "qwen", "takes thoughts for more output, and bills them", leave_out_thoughts),
    Reason(CCUSAGE, "pi", "counts a cloned session's messages again", drop_cloned_messages),
    Reason(TOKSCALE, "cline", "counts a copied session's messages again", drop_copied_messages),
]
# Which logs a reader knows nothing of.
NOT_READ = {("ccusage", "cline"), ("ccusage", "llm"), ("tokscale", "llm")}
