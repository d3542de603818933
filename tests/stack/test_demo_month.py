"""The demo month on the local stack: a short one, in which everything happens that can."""

from __future__ import annotations

import json
from collections import Counter

from tests.stack.live import Live

DAYS = 3


def test_a_month_ends_with_every_break_explained(live: Live) -> None:
    # When a short month is played
    ran = live.run("demo", "month", "--days", f"{DAYS}", "--payments", "2", "--by", "Ada", "--json")

    # Then nothing is left that nothing explains
    assert ran.returncode == 0, ran.stdout[-4_000:] + ran.stderr
    told = json.loads(ran.stdout)
    assert (told["problems"], told["differences"]) == ([], 0)
    # and each break was named, and resolved by a person
    ends = Counter((one["kind"], one["resolution"]) for one in told["breaks"])
    assert ends == {
        ("MISSING_IN_REPORT", "WRITE_OFF"): 2,
        ("DUPLICATE_LINE", "ACQUIRER_CORRECTS"): 2,
        ("AMOUNT_MISMATCH", "ACCEPT_ACQUIRER_AMOUNT"): 2,
    }
    assert {note["by"] for one in told["breaks"] for note in one["history"]} == {"Ada"}
    # and disputes are decided
    decided = Counter(one["ended"] for one in told["stories"] if one["named"].startswith("dp_"))
    assert decided == {"WON": 2, "LOST": 2}
    # and the bank has what the reports pay, day by day
    assert all(day["deposited_cents"] == day["net_cents"] for day in told["days"])
    assert sum(day["net_cents"] for day in told["days"] if day["currency"] == "eur") > 0
