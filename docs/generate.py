"""Fill the tables in docs/ that code knows better. `--check` writes nothing and tells of drift."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

DOCS = Path(__file__).parent
VALUES_SHOWN = 5
sys.path.insert(0, str(DOCS.parent / "layers" / "core" / "python"))


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def events() -> str:
    """Every type of event."""
    from farthing.webhooks.event_types import EVENT_TYPES

    return table(("type", "tells"), ((f"`{name}`", text) for name, text in EVENT_TYPES.items()))


def errors() -> str:
    """Every error code."""
    from farthing.errors import REGISTRY

    rows = sorted(REGISTRY.values(), key=lambda row: (row.status, row.code))
    return table(
        ("status", "code", "meaning", "retry", "outcome"),
        ((str(r.status), f"`{r.code}`", r.title, r.retry.value, r.outcome.value) for r in rows),
    )


def declines() -> str:
    """Every decline reason."""
    from farthing.acquiring.decline import REASONS

    return table(
        ("`reason_code`", "`message`", "`advice`"),
        ((f"`{code}`", text, advice.value) for code, (text, advice) in REASONS.items()),
    )


def cards() -> str:
    """Every test number."""
    from farthing_sandbox.cards import BEHAVIOURS

    rows = [("`4242424242424242`, `5555555555554444`, `378282246310005`", "approved")]
    rows += [(f"`{number}`", behaviour.does) for number, behaviour in BEHAVIOURS.items()]
    return table(("number", "what happens"), rows)


def accounts() -> str:
    """Every test account."""
    from farthing_sandbox.banks import ACCOUNTS, IBANS, ROUTING_NUMBER

    ach = {account.does: number for number, account in ACCOUNTS.items()}
    rows = [(f"`{iban}`", ach.get(one.does, ""), one.does) for iban, one in IBANS.items()]
    shown = [(iban, f"`{number}`" if number else "–", does) for iban, number, does in rows]
    return table(("IBAN (`eur`)", f"behind `{ROUTING_NUMBER}` (`usd`)", "what happens"), shown)


def wallets() -> str:
    """Every word of a test wallet."""
    from farthing_sandbox.wallets import BEHAVIOURS, UNREADABLE

    rows = [(f"`{word}`", behaviour.does) for word, behaviour in BEHAVIOURS.items()]
    rows.append(("any other", f"declined: {UNREADABLE.message}"))
    return table(("word", "what happens"), rows)


def wallet_payload() -> str:
    """A test payload as the body's field."""
    from farthing_sandbox.wallets import apple_pay

    body = {"type": "WALLET", "wallet": "APPLE_PAY", "payload": apple_pay("approved")}
    return f"```json\n{json.dumps(body)}\n```"


def fields_tag() -> str:
    """The script tag of the newest loader."""
    folder = DOCS.parent / "functions" / "fields" / "static"
    rows = json.loads((folder / "scripts.json").read_text())
    (loader,) = (row for row in rows if row["kind"] == "loader")
    return (
        f'<script src="https://TOKENS/fields/v1/{loader["path"]}"\n'
        f'        integrity="{loader["integrity"]}"\n'
        f'        crossorigin="anonymous"></script>'
    )


def fields_codes() -> str:
    """Why there is no token, with the words that a payer reads."""
    said: dict[str, list[str]] = {}
    for name in ("card", "account", "shared"):
        english = source(f"words/{name}.js").split("};")[0]
        for code, text in re.findall(r'^  (\w+): "(.*)",$', english, re.MULTILINE):
            said.setdefault(code, []).append(text)
    listed = re.search(r"REFUSALS = new Set\(\[(.*?)\]", source("messages.js"), re.DOTALL)
    assert listed is not None
    codes = [code for code in re.findall(r'"(\w+)"', listed[1]) if code in said]
    rows = [(f"`{code}`", " / ".join(said[code])) for code in codes]
    rows += [
        ("`frame_unavailable`", "for the page: the fields did not load, or were moved meanwhile"),
        ("`unmounted`", "for the page: the fields were taken away"),
    ]
    return table(("`code`", "`message`"), rows)


def fields_styles() -> str:
    """What a page may say about the looks of the card fields."""
    kinds = {
        "color": "a colour: `#0a7d5c`, `rgb(…)`, `hsl(…)`, `oklch(…)`, or its name",
        "length": "a length up to 999: `12px`, `0.9rem`, `1em`, `0`",
        "weight": "`normal`, `bold`, `100` to `900`",
        "families": "fonts that the payer's system has",
    }
    listed = re.search(r"ALLOWED = \{(.*?)\};", source("style.js"), re.DOTALL)
    assert listed is not None
    named = re.findall(r"^  (\w+)(?:: (\w+))?,$", listed[1], re.MULTILINE)
    by_kind = {
        kind: [f"`{name}`" for name, said in named if (said or name) == kind] for kind in kinds
    }
    return table(
        ("names", "values"), ((", ".join(names), kinds[kind]) for kind, names in by_kind.items())
    )


def source(name: str) -> str:
    """A source of the card frame."""
    return (DOCS.parent / "web" / "fields" / "frame" / name).read_text()


def connectors() -> str:
    """What each connector's acquirer guarantees, and what recovery does with it."""
    from dataclasses import fields

    from farthing.acquiring.connectors import CONNECTORS, quiet_seconds
    from farthing.acquiring.port import Capabilities

    declared = {name: declare({}) for name, declare in CONNECTORS.items()}
    rows = [
        (f"`{one.name}`", *(word(getattr(each, one.name)) for each in declared.values()))
        for one in fields(Capabilities)
    ]
    waits = (f"{quiet_seconds(each)} s" for each in declared.values())
    rows.append(("so nothing can be on its way after", *waits))
    return table(("guarantee", *declared), rows)


def fraud_fields() -> str:
    """What a rule may ask."""
    from farthing.fraud.fields import FIELDS, OPERATORS, Operator, Type

    def operators(type_: Type) -> str:
        return " ".join(f"`{one.value}`" for one in Operator if one in OPERATORS[type_])

    return table(
        ("field", "holds", "operators"),
        ((f"`{name}`", field.says, operators(field.type)) for name, field in FIELDS.items()),
    )


def fraud_rules() -> str:
    """The rules that every merchant begins with."""
    from farthing.fraud.rule_document import write_rules
    from farthing.fraud.rule_row import default_rules

    def asked(ask: dict[str, object]) -> str:
        value = ask.get("value", "")
        listed = isinstance(value, list) and len(value) > VALUES_SHOWN
        shown = f"[{len(value)} of them]" if listed else json.dumps(value).replace('"', "")
        return f"`{ask['field']} {ask['operator']} {shown}`".replace(" `", "`")

    rows = write_rules(default_rules())["rules"]
    return table(
        ("rule", "if", "then"),
        ((f"`{r['id']}`", " and ".join(map(asked, r["when"])), r["action"]) for r in rows),
    )


def word(value: object) -> str:
    """A guarantee as people write it."""
    if isinstance(value, frozenset):
        return ", ".join(sorted(value))
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


TABLES: dict[str, Callable[[], str]] = {
    "events": events,
    "errors": errors,
    "declines": declines,
    "cards": cards,
    "accounts": accounts,
    "wallets": wallets,
    "wallet_payload": wallet_payload,
    "fields_codes": fields_codes,
    "fields_styles": fields_styles,
    "fields_tag": fields_tag,
    "connectors": connectors,
    "fraud_fields": fraud_fields,
    "fraud_rules": fraud_rules,
}
_PLACE = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(text: str) -> str:
    """`text` with its generated parts made anew."""
    return _PLACE.sub(lambda match: f"{match[1]}{TABLES[match[2]]()}\n{match[3]}", text)


def main() -> int:
    """Fill all pages, or with --check say which have drifted."""
    drifted = []
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text()
        if filled(text) != text:
            drifted.append(str(page.relative_to(DOCS.parent)))
            if "--check" not in sys.argv:
                page.write_text(filled(text))
    if drifted and "--check" in sys.argv:
        print("run python docs/generate.py for: " + ", ".join(drifted))
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
