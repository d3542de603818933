"""What other rules and models would have done to past payments, and what is known of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from farthing.fraud.action import Action
from farthing.fraud.decide import decide
from farthing.fraud.facts import Known
from farthing.fraud.fields import Operator
from farthing.fraud.lists import Hit, Kind
from farthing.fraud.model.evaluate import Model
from farthing.fraud.model.features import FEATURES, pack_row
from farthing.fraud.model.history import DAY
from farthing.fraud.rules import Ask, Rule, RuleSet, Status
from farthing.fraud.signals import Scored, SignalType
from farthing_cli.app import app
from farthing_cli.failure import Failure
from farthing_cli.fraud.backtest import LISTS, MODEL, Truth, backtest, decided_anew
from farthing_cli.fraud.inputs import DEFAULT_MODEL
from farthing_cli.fraud.past import Past, past

START = 1_790_000_000
KNOWN_UNTIL = START + 53 * DAY
FEATURE_VALUES = [100_000.0] + [1.0] * (len(FEATURES) - 1)
NO_RULES = RuleSet(0)


def above(cents: int, action: Action, name: str = "large") -> Rule:
    ask = Ask("amount_cents", Operator.GT, {"eur": cents})
    return Rule(name, SignalType.AMOUNT_LIMIT, Status.ACTIVE, action, "large", (ask,))


def line(number: int, cents: int = 1000, **more: Any) -> dict[str, Any]:
    """A decision of day `number`, by `rules`, with a score of `ppm`."""
    rules, ppm = more.pop("rules", NO_RULES), more.pop("ppm", 100_000)
    known = Known({"amount_cents": cents, "currency": "eur"}, {}, more.pop("hits", ()))
    decision = decide(known, rules, Scored(ppm, "then")).to_item()
    if more.pop("with_features", True):
        features = {"features": pack_row(FEATURE_VALUES)}
        decision["known"] = {**decision["known"], **features}
    return {
        "payment": f"pi_{number}",
        "operation": f"op_{number}",
        "merchant": "mer_1",
        "mode": "test",
        "paid_at": START + number * DAY,
        "amount_cents": cents,
        "currency": "eur",
        "customer": "c:eur",
        "failed": False,
        "blocked": decision["action"] == "BLOCK",
        "outcome": "BLOCKED" if decision["action"] == "BLOCK" else "APPROVED",
        "decision": json.loads(json.dumps(decision)),
        "fraud": False,
        **more,
    }


def read(*lines: dict[str, Any]) -> list[Past]:
    return [past(one, "here") for one in lines]


def test_what_would_be_another_is_told_with_its_money() -> None:
    # Given payments that were let through, of which large ones would be blocked
    decided = read(*(line(number, cents=number * 1000) for number in range(1, 11)))
    # When
    found = backtest(decided, RuleSet(1, (above(8000, Action.BLOCK),)), None, KNOWN_UNTIL)
    # Then
    changed = {(c.before, c.after): (t.count, dict(t.cents)) for c, t in found.changes.items()}
    assert changed == {
        (Action.ALLOW, Action.ALLOW): (8, {"eur": 36_000}),
        (Action.ALLOW, Action.BLOCK): (2, {"eur": 19_000}),
    }
    assert found.acted(Action.BLOCK, after=True).cents == {"eur": 19_000}
    assert found.acted(Action.BLOCK, after=False).count == 0


BLOCKING = RuleSet(0, (above(0, Action.BLOCK),))
HELD = {"outcome": "HELD"}
YOUNG = 54


@pytest.mark.parametrize(
    ("made", "truth"),
    [
        (line(1), Truth.GOOD),
        (line(1, fraud=True), Truth.FRAUD),
        (line(1, rules=BLOCKING), Truth.BLOCKED),
        (line(1, rules=BLOCKING, fraud=True), Truth.BLOCKED),
        (line(1, failed=True, outcome="DECLINED"), Truth.DECLINED),
        (line(1, outcome="NOT_SENT"), Truth.UNSENT),
        (line(1, outcome="VOIDED"), Truth.UNSENT),
        (line(1, **HELD), Truth.UNSENT),
        (line(1, **HELD, fraud=True, label_source="REVIEW"), Truth.FRAUD),
        (line(YOUNG), Truth.YOUNG),
        (line(YOUNG, fraud=True), Truth.YOUNG),
    ],
)
def test_only_what_is_known_is_counted_as_good_or_fraud(made: dict[str, Any], truth: Truth) -> None:
    found = backtest(read(made), BLOCKING, None, KNOWN_UNTIL)
    assert {name: tally.count for name, tally in found.truths.items()} == {truth: 1}
    # And what would be stopped of it is what is known of it, or unknown
    stopped = found.stopped["blocked", True]
    counts = (stopped.fraud.count, stopped.good.count, stopped.unknown.count)
    assert counts == (truth is Truth.FRAUD, truth is Truth.GOOD, truth not in ("FRAUD", "GOOD"))


def test_precision_and_recall_are_of_what_is_known() -> None:
    # Given four frauds, two of them large, and a large good one, and a large one too young to tell
    frauds = [line(number, cents=9000 * (number % 2), fraud=True) for number in range(4)]
    decided = read(*frauds, line(5, cents=9000), line(YOUNG, cents=9000), line(6))
    found = backtest(decided, RuleSet(1, (above(5000, Action.BLOCK),)), None, KNOWN_UNTIL)
    stopped, known = found.stopped["blocked", True], found.truths[Truth.FRAUD].count
    assert (stopped.fraud.count, stopped.good.count, stopped.unknown.count) == (2, 1, 1)
    assert (stopped.precision, stopped.recall(known)) == (2 / 3, 2 / 4)
    # And of what was blocked before nothing is known: no share of nothing
    assert found.stopped["blocked", False].precision is None


def test_a_rule_is_alone_where_without_it_another_action_would_follow() -> None:
    # Given two rules that block, one that reviews, and the model that would review
    rules = RuleSet(
        1,
        (
            above(1000, Action.BLOCK, "first"),
            above(2000, Action.BLOCK, "second"),
            above(500, Action.REVIEW, "third"),
            above(99_000, Action.BLOCK, "never"),
        ),
    )
    decided = read(
        line(1, cents=1500, ppm=400_000),  # first, third and the model
        line(2, cents=2500),  # both, and third
        line(3, cents=700, ppm=400_000),  # third and the model say the same
        line(4, cents=700),  # third alone
        line(5, cents=100, ppm=400_000),  # the model alone
        line(6, cents=2500, hits=(Hit("entry", Kind.IP, Action.ALLOW, "ours"),)),
    )
    found = backtest(decided, rules, None, KNOWN_UNTIL)
    told = {
        name: (rule.fired, rule.decided, rule.alone_count) for name, rule in found.rules.items()
    }
    assert told == {
        "first": (3, 2, 1),
        "second": (2, 0, 0),
        "third": (5, 2, 1),
        "never": (0, 0, 0),
        MODEL: (3, 1, 1),
        LISTS: (1, 1, 1),
    }


def test_a_model_that_was_only_watched_stopped_nothing() -> None:
    # Given a decision beside which a model was watched that would have blocked
    known = Known({"amount_cents": 700, "currency": "eur"})
    rules = RuleSet(1, (above(500, Action.REVIEW),))
    watched = decide(known, rules, Scored(900_000, "then", shadow=True)).to_item()
    watched["known"] = {**watched["known"], "features": pack_row(FEATURE_VALUES)}
    (one,) = read({**line(1, cents=700), "decision": json.loads(json.dumps(watched))})
    # When it is decided anew by the same rules
    found = backtest([one], rules, None, KNOWN_UNTIL)
    # Then the rule alone decided, and the model had nothing to say
    assert MODEL not in found.rules
    assert (found.rules["large"].decided, found.rules["large"].alone_count) == (1, 1)
    # And a candidate is tried as one that decides
    again = decided_anew(one, NO_RULES, Model.load(DEFAULT_MODEL))
    assert again is not None and again.scored is not None and not again.scored.shadow


def test_another_model_scores_the_stored_features() -> None:
    model = Model.load(DEFAULT_MODEL)
    with_them, without = read(line(1), line(2, with_features=False))
    again = decided_anew(with_them, NO_RULES, model)
    assert again is not None and again.scored is not None
    assert again.scored.score_ppm == round(model.score(FEATURE_VALUES) * 1_000_000)
    # And what has none is left out, and said to be
    assert backtest([with_them, without], NO_RULES, model, KNOWN_UNTIL).unscored == 1


@given(
    cents=st.lists(st.integers(1, 10_000), max_size=30),
    then=st.integers(0, 10_000),
    now=st.integers(0, 10_000),
)
def test_no_payment_is_lost_or_counted_twice(cents: list[int], then: int, now: int) -> None:
    old, new = RuleSet(1, (above(then, Action.REVIEW),)), RuleSet(2, (above(now, Action.BLOCK),))
    decided = read(*(line(n, cents=one, rules=old) for n, one in enumerate(cents)))
    found = backtest(decided, new, None, KNOWN_UNTIL)
    for tallies in (found.changes.values(), found.truths.values()):
        assert sum(tally.count for tally in tallies) == len(cents)
        assert sum(tally.cents["eur"] for tally in tallies) == sum(cents)


# --- the command ---------------------------------------------------------------------------------


def run(*arguments: Any) -> Any:
    return CliRunner().invoke(app, ["fraud", "backtest", *map(str, arguments)])


RULES = """\
rules:
  - id: large
    type: AMOUNT_LIMIT
    status: ACTIVE
    action: BLOCK
    reason: large
    when: [{field: amount_cents, operator: gt, value: {eur: 5000}}]
"""
PUBLISHED = RuleSet(3, (above(5000, Action.BLOCK),))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Forty days of payments under no rules, and one under version 3 with rules of its own."""
    (tmp_path / "rules.yaml").write_text(RULES)
    lines = [line(n, cents=200 * n, fraud=n % 10 == 9) for n in range(1, 41)]
    lines.append(line(60, cents=9000, rules=PUBLISHED, mode="live"))
    file = tmp_path / "payments.ndjson"
    file.write_text("".join(json.dumps(one) + "\n" for one in lines))
    return file


def test_it_says_what_rules_would_have_done(data: Path) -> None:
    page = data.with_name("page.html")
    ran = run("--data", data, "--rules", data.with_name("rules.yaml"), "--page", page)
    assert ran.exit_code == 0, (ran.output, ran.exception)
    assert "41 decisions, 2026-09-22 to 2026-11-20: 15 would be another." in ran.output
    # And as a page, of which nothing is elsewhere and nothing runs
    html = page.read_text()
    for told in ("15 would be another", "was ALLOW", "known to be fraud", "large", "<svg"):
        assert told in html
    assert "<script" not in html and "http" not in html.replace("http-equiv", "")


def test_it_says_so_for_programs(data: Path) -> None:
    ran = run("--data", data, "--rules", data.with_name("rules.yaml"), "--json")
    told = json.loads(ran.stdout)
    assert told["rules_versions"] == {"0": 40, "3": 1}
    after = next(
        one for one in told["stopped"] if (one["what"], one["when"]) == ("blocked", "after")
    )
    assert after["frauds"]["count"] == 2 and after["unknown"]["count"] == 1
    assert after["recall"] == 2 / 4
    assert told["rules"]["large"]["fired"] == 16
    # And with more patience, less is known
    patient = run("--data", data, "--json", "--label-days", 50)
    assert json.loads(patient.stdout)["truths"]["YOUNG"]["count"] > told["truths"]["YOUNG"]["count"]


def test_without_rules_the_default_ones_decide_and_that_is_said(data: Path) -> None:
    ran = run("--data", data)
    assert "1 decisions were made under rules that the merchant had published" in ran.output
    assert "unusual_amount" in ran.output
    assert "40 decisions" in run("--data", data, "--mode", "test").output


def test_each_decision_comes_out_as_it_was_under_its_own_rules(data: Path) -> None:
    # Given rules of version 3, in a file
    rules = data.with_name("rules.yaml")
    asked = ("--data", data, "--check", "--rules", rules)
    checked = run(*asked)
    assert checked.exit_code == 0, (checked.output, checked.exception)
    assert "1 decisions under version 3 come out as they were; 40 were made" in checked.stdout
    # When it is another file
    rules.write_text(RULES.replace("reason: large", "reason: too large"))
    # Then the decision is named
    checked = run(*asked)
    assert checked.stdout == "op_60\n"
    assert "1 do not come out as they were" in str(checked.exception)


def test_the_default_rules_are_checked_where_there_are_no_others(data: Path) -> None:
    # Given decisions said to be by the default rules, that were by none
    checked = run("--data", data, "--check")
    assert checked.exit_code == 0, checked.output
    # When one of them is changed
    lines = data.read_text().splitlines()
    lines[6] = lines[6].replace('"action": "ALLOW"', '"action": "REVIEW"')
    data.write_text("\n".join(lines) + "\n")
    # Then it is found
    assert run("--data", data, "--check").stdout == "op_7\n"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--check", "--json"), "--check asks nothing but"),
        (("--rules-version", 3), "belongs to"),
        (("--merchant", "mer_2"), "has no such decisions"),
        (("--rules", "rules.yaml", "--rules-version", 9, "--check"), "No decision was made under"),
        (("--rules", "wrong.yaml"), "wrong.yaml:1: rules: is a list"),
        (("--mode", "test", "--rules", "rules.yaml", "--check"), "there is none but the default"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    data: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[Any, ...], why: str
) -> None:
    monkeypatch.chdir(data.parent)
    Path("wrong.yaml").write_text("rules: 1")
    ran = run("--data", data, *arguments)
    assert isinstance(ran.exception, Failure), ran.output
    assert why in str(ran.exception)


def test_what_is_no_export_is_refused(tmp_path: Path) -> None:
    for name, content, why in (
        ("payments.csv", "", "has no decisions"),
        ("none.ndjson", '{"decision": {}}', "row 1 has no decision"),
        ("broken.ndjson", json.dumps(line(1) | {"decision": {"known": {}}}), "row 1"),
    ):
        (tmp_path / name).write_text(content)
        ran = run("--data", tmp_path / name)
        assert isinstance(ran.exception, Failure), (name, ran.exception)
        assert why in str(ran.exception)
