"""Converts the price data of a genai-prices wheel to Outlay's compact list.

usage: python3 prices.py WHEEL SHA256 LIST.JSON NOTICE

The package's code is never run: `data.py` is one literal expression, and is read as a syntax tree.
Anything in it that this file does not know how to express stops the conversion.
"""

import ast
import decimal
import hashlib
import json
import re
import sys
import zipfile

UNITS = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "cache_write_5m_mtok": "cache_write_5m",
    "cache_write_1h_mtok": "cache_write_1h",
    "input_audio_mtok": "input_audio",
    "cache_audio_read_mtok": "cache_audio_read",
    "input_image_mtok": "input_image",
    "cache_image_read_mtok": "cache_image_read",
    "input_video_mtok": "input_video",
    "output_audio_mtok": "output_audio",
    "output_image_mtok": "output_image",
    "output_video_mtok": "output_video",
    "output_reasoning_mtok": "output_reasoning",
    "output_citation_mtok": "output_citation",
    "audio_hours": "audio_hours",
    "input_audio_hours": "input_audio_hours",
    "input_document_kpages": "pages",
    "input_annotated_document_kpages": "annotated_pages",
    "input_mchars": "characters",
    "input_text_messages_kcount": "text_messages",
    "web_searches_kcount": "web_searches",
    "storage_searches_kcount": "file_searches",
    "requests_kcount": "requests",
}
ORDER = {name: place for place, name in enumerate(UNITS.values())}
TIER_KEYS = ("service_tier", "processing", "speed")
PICODOLLAR = decimal.Decimal(1).scaleb(-12)


def main(wheel_path, sha256, list_path, notice_path):
    with open(wheel_path, "rb") as wheel:
        found = hashlib.sha256(wheel.read()).hexdigest()
    if found != sha256:
        sys.exit(f"{wheel_path} has sha256 {found}, expected {sha256}: nothing was written")
    with zipfile.ZipFile(wheel_path) as wheel:
        version = next(n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
        version = version.split("/")[0].removesuffix(".dist-info").split("-")[1]
        data = wheel.read("genai_prices/data.py").decode()
        licence_name = next(n for n in wheel.namelist() if n.endswith("licenses/LICENSE"))
        licence = wheel.read(licence_name).decode()
    providers = [provider(p) for p in literal(assigned(ast.parse(data), "providers"))]
    providers.sort(key=lambda p: p["id"])
    source = {
        "package": "genai-prices",
        "version": version,
        "sha256": sha256,
        "licence": "MIT",
        "newest_price": max(re.findall(r"@(\d{4}-\d\d-\d\d)", json.dumps(providers))),
        "providers": len(providers),
        "models": sum(len(p["models"]) for p in providers),
    }
    with open(list_path, "w", encoding="ascii", newline="\n") as out:
        out.write(laid_out(source, providers))
    with open(notice_path, "w", encoding="utf-8", newline="\n") as out:
        out.write(
            f"list.json is converted from the price data of genai-prices {version}\n"
            "(https://github.com/pydantic/genai-prices), which is distributed under this licence:\n\n"
        )
        out.write(licence)
    print(f"{source['providers']} providers, {source['models']} models, genai-prices {version}")


def laid_out(source, providers):
    """One model a line, so that an update of the list can be reviewed as a diff."""
    lines = ['{"source":' + compact(source) + ',', '"providers":[']
    for place, entry in enumerate(providers):
        head = compact({key: value for key, value in entry.items() if key != "models"})
        lines.append(head[:-1] + ',"models":[')
        lines.append(",\n".join(compact(model) for model in entry["models"]))
        lines.append("]}" + ("," if place + 1 < len(providers) else ""))
    return "\n".join(lines) + "\n]}\n"


def compact(value):
    return json.dumps(value, separators=(",", ":"))


# --- the syntax tree --------------------------------------------------------------------------


def assigned(tree, name):
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and node.target.id == name:
            return node.value
    sys.exit(f"data.py does not define {name}")


def literal(node):
    """The plain value of an expression; a call becomes a dict with its name under `_`."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.List):
        return [literal(item) for item in node.elts]
    if isinstance(node, ast.Dict):
        return {literal(k): literal(v) for k, v in zip(node.keys, node.values, strict=True)}
    if isinstance(node, ast.Attribute):
        return ast.unparse(node)
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func)
        keywords = {k.arg: literal(k.value) for k in node.keywords}
        return {"_": name, "args": [literal(a) for a in node.args], **keywords}
    sys.exit(f"data.py, line {node.lineno}: cannot read {ast.unparse(node)[:80]}")


# --- providers and models ---------------------------------------------------------------------


def provider(raw):
    entry = {"id": raw["id"]}
    if raw.get("provider_match"):
        entry["match"] = clause(raw["provider_match"])
    if raw.get("model_match"):
        entry["models_match"] = clause(raw["model_match"])
    if raw.get("fallback_model_providers"):
        entry["fallback"] = raw["fallback_model_providers"]
    # The order of the models counts: the first that matches a name is its model.
    entry["models"] = [model(m) for m in raw["models"]]
    return entry


def model(raw):
    entry = {"id": raw["id"]}
    match = clause(raw["match"])
    if match != raw["id"].lower():
        entry["match"] = match
    if raw.get("context_window"):
        entry["window"] = raw["context_window"]
    prices = raw["prices"]
    if not isinstance(prices, list):
        prices = [{"constraint": None, "prices": prices}]
    entry["prices"] = [price("", p.get("constraint"), p["prices"]) for p in prices]
    variants = raw.get("price_variants")
    if variants:
        entry["variants"] = [
            price(tier(v["when"]), v.get("constraint"), v["prices"]) for v in variants
        ]
    return entry


def tier(when):
    ((key, value),) = when.items()
    if not re.fullmatch(r"[\w/.-]+", value):
        sys.exit(f"unknown form of a price variant: {when}")
    return value if key in TIER_KEYS else f"{key}:{value}"


def price(tier_name, constraint, prices):
    condition = tier_name + (f"@{when(constraint)}" if constraint else "")
    rates = {UNITS[key]: rate(value) for key, value in prices.items() if key not in ("_", "args")}
    parts = [f"{unit}={rates[unit]}" for unit in sorted(rates, key=ORDER.__getitem__)]
    return " ".join(([condition] if condition else []) + parts)


def when(constraint):
    if constraint["_"] == "StartDateConstraint":
        year, month, day = constraint["start_date"]["args"]
        return f"{year:04}-{month:02}-{day:02}"
    if constraint["_"] == "TimeOfDateConstraint":
        return f"{clock(constraint['start_time'])}-{clock(constraint['end_time'])}"
    sys.exit(f"unknown constraint: {constraint}")


def clock(time):
    if time.get("tzinfo") != "datetime.UTC" or len(time["args"]) != 2:
        sys.exit(f"a time of day that is not whole minutes in UTC: {time}")
    hour, minute = time["args"]
    return f"{hour:02}:{minute:02}"


def rate(value):
    if value["_"] == "TieredPrices":
        tiers = sorted(value["tiers"], key=lambda t: t["start"])
        return rate(value["base"]) + "".join(f">{t['start']}:{rate(t['price'])}" for t in tiers)
    amount = decimal.Decimal(value["args"][0])
    # Some prices carry the noise of a float (0.08333333333333334); a picodollar is fine enough.
    if amount.as_tuple().exponent < -12:
        amount = amount.quantize(PICODOLLAR, decimal.ROUND_HALF_EVEN)
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


# --- clauses ----------------------------------------------------------------------------------
# A text is a clause: `name` equals, `^part` starts with, `$part` ends with, `*part` contains,
# `#shape` has this shape (`#` is a digit; a last `*` is any rest). A list is any of its members.


def clause(raw):
    kind = raw["_"]
    if kind == "ClauseOr":
        members = []
        for member in raw["or_"]:
            found = clause(member)
            members += found if isinstance(found, list) else [found]
        return members if len(members) > 1 else members[0]
    if kind == "ClauseAnd":
        return {"all": [clause(member) for member in raw["and_"]]}
    if kind == "ClauseRegex":
        return shape(raw["regex"])
    key, sigil = {
        "ClauseEquals": ("equals", ""),
        "ClauseStartsWith": ("starts_with", "^"),
        "ClauseEndsWith": ("ends_with", "$"),
        "ClauseContains": ("contains", "*"),
    }[kind]
    text = raw[key].lower()
    if not text or not text.isascii() or (kind == "ClauseEquals" and text[0] in "^$*#"):
        sys.exit(f"cannot express {raw}")
    return sigil + text


def shape(pattern):
    """A regular expression as clauses. Only what the list uses: no regex engine is needed then."""
    if pattern == "^(?!.*-[tT][tT][sS](?:$|-))":
        return {"none": ["$-tts", "*-tts-"]}
    if pattern.startswith("^(?![^/]+/)") and pattern.count("(?!") == 1:
        starts = ["^" + text for text in expanded(pattern[len("^(?![^/]+/)") :])]
        return {"all": [{"none": ["*/"]}, starts]}
    if not pattern.startswith("^"):
        sys.exit(f"cannot express the pattern {pattern}")
    body = pattern[1:]
    rest = "" if body.endswith("$") else "*"
    texts = [f"#{text}{rest}" for text in expanded(body.removesuffix("$"))]
    return texts if len(texts) > 1 else texts[0]


def expanded(pattern):
    """Every text of a pattern made of literals, `\\d`, `{n}`, `?`, `[…]` and groups with `|`."""
    texts, rest = alternatives(pattern)
    if rest:
        sys.exit(f"cannot express the pattern {pattern}")
    return texts


def alternatives(pattern):
    found = []
    texts, pattern = sequence(pattern)
    found += texts
    while pattern.startswith("|"):
        texts, pattern = sequence(pattern[1:])
        found += texts
    return found, pattern


def sequence(pattern):
    texts = [""]
    while pattern and pattern[0] not in "|)":
        atom, pattern = one(pattern)
        repeat = re.match(r"\{(\d+)\}|\?", pattern)
        if repeat:
            pattern = pattern[repeat.end() :]
            atom = atom + [""] if repeat[0] == "?" else [a * int(repeat[1]) for a in atom]
        texts = [text + part for text in texts for part in atom]
    return texts, pattern


def one(pattern):
    if pattern.startswith(r"\d"):
        return ["#"], pattern[2:]
    if pattern[0] == "\\" and not pattern[1].isalnum():
        return [pattern[1]], pattern[2:]
    if pattern[0] == "[":
        members, pattern = pattern[1:].split("]", 1)
        if "^" in members or "-" in members[1:-1]:
            sys.exit(f"cannot express the class [{members}]")
        return list(members.lower()), pattern
    if pattern[0] == "(":
        texts, pattern = alternatives(pattern[3:] if pattern.startswith("(?:") else pattern[1:])
        return texts, pattern[1:]
    if re.match(r"[\w/@:=-]", pattern):
        return [pattern[0].lower()], pattern[1:]
    sys.exit(f"cannot express the pattern from {pattern}")


if __name__ == "__main__":
    main(*sys.argv[1:])
