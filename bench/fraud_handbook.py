"""The Fraud Detection Handbook's protocol on its simulated data, with our features and artefact.

    make bench WHAT=fraud_handbook ARGS="--data DIR"

DIR holds the handbook's daily files (`data/2018-04-01.pkl` …, converted: see `--help`) as one
`transactions.csv`. Neither the data nor the handbook's code is part of this repository.

Four weeks from 2018-08-08 are tested, each with a model that learned from the ten weeks that ended
seven days before it. As in the handbook, customers known as compromised are no longer tested: those
of the week before the delay, and each day those of eight days ago. Every score is given by the
packed artefact in pure Python. Features and parameters were chosen on weeks before 2018-08-08;
NOISE was left out there, for in these data fraud has neither an hour nor a pace.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, pstdev

from farthing.fraud.model.artefact import pack
from farthing.fraud.model.evaluate import Model
from farthing.fraud.model.features import FEATURES, Payment
from farthing.fraud.model.history import DAY
from farthing_cli.fraud import training
from farthing_cli.fraud.dataset import Labelled
from farthing_cli.fraud.metrics import Scored, measure
from farthing_cli.fraud.packing import artefact_of
from farthing_cli.fraud.replay import Rows

FIRST_DAY = int(datetime(2018, 4, 1, tzinfo=UTC).timestamp()) // DAY
FIRST_TEST = datetime(2018, 8, 8, tzinfo=UTC)
WEEKS, WEEK, DELAY = 4, 7, 7
LEARNED_DAYS = 70
NOISE = frozenset(
    {
        "hour",
        "customer_hours_since_last",
        "customer_payments_1d",
        "customer_payments_7d",
        "terminal_payments_1d",
    }
)

MEASURES = {
    "auc": ("AUC ROC", 0.876, 0.88),
    "average_precision": ("average precision", 0.687, 0.74),
    "card_precision_100": ("card precision@100", 0.303, 0.31),
    "precision_above_0.7": ("precision, score > 0.7", None, 0.98),
    "recall_above_0.7": ("recall, score > 0.7", None, 0.60),
    "recall_at_0.1%_fpr": ("recall at 0.1 % FPR", None, None),
}
"""Ours → name, best published (chapter 7: FFNN's AUC, XGBoost's others), goal."""

CONVERT = """\
The pickles load with pandas<2 and numpy<2 only, so convert them in an environment of its own:

  python -m venv /tmp/pandas1 && /tmp/pandas1/bin/pip install 'pandas<2' 'numpy<2'
  /tmp/pandas1/bin/python -c "import glob, pandas as pd;
  days = sorted(glob.glob('DIR/data/*.pkl'));
  pd.concat(map(pd.read_pickle, days)).to_csv('DIR/transactions.csv', index=False)"
"""


def read(path: Path) -> list[Labelled]:
    """All transactions, in the order of time."""
    with path.open(newline="", encoding="utf-8") as file:
        found = [
            Labelled(
                Payment(
                    at=FIRST_DAY * DAY + int(row["TX_TIME_SECONDS"]),
                    amount_cents=round(100 * float(row["TX_AMOUNT"])),
                    customer=row["CUSTOMER_ID"],
                    terminal=row["TERMINAL_ID"],
                ),
                fraud=row["TX_FRAUD"] == "1",
            )
            for row in csv.DictReader(file)
        ]
    found.sort(key=lambda one: one.payment.at)
    return found


def tested(rows: Rows, test_day: int) -> list[int]:
    """The payments of the week, without customers who are known as compromised by then."""
    by_day: dict[int, list[int]] = {}
    for at, one in enumerate(rows.payments):
        by_day.setdefault(one.payment.at // DAY, []).append(at)

    def compromised(day: int) -> set[str]:
        bad = (rows.payments[at] for at in by_day[day])
        return {one.payment.customer for one in bad if one.fraud}

    known, chosen = set[str](), list[int]()
    for day in range(test_day - DELAY - WEEK, test_day - DELAY):
        known |= compromised(day)
    for day in range(test_day, test_day + WEEK):
        known |= compromised(day - DELAY - 1)
        chosen += [at for at in by_day[day] if rows.payments[at].payment.customer not in known]
    return chosen


def week(rows: Rows, test_day: int, learned_days: int) -> tuple[dict[str, float | int], int]:
    """The measures of one week, and how large its model is."""
    until = test_day - DELAY
    learned = training.between(rows, (until - learned_days) * DAY, until * DAY)
    packed = pack(artefact_of(training.fit(rows, learned, test_day * DAY, NOISE), "handbook"))
    model = Model.from_bytes(packed)
    chosen = tested(rows, test_day)
    scored: list[Scored] = training.scored(model, rows, chosen)
    return measure(scored), len(packed)


def main(arguments: Sequence[str]) -> int:
    """Print the table beside the published one."""
    parser = argparse.ArgumentParser(
        prog="bench.fraud_handbook",
        epilog=CONVERT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--first-test",
        type=datetime.fromisoformat,
        default=FIRST_TEST,
        help="another first day of the four weeks, to choose parameters on",
    )
    parser.add_argument("--weeks", type=int, default=WEEKS)
    given = parser.parse_args(arguments)
    path = given.data / "transactions.csv"
    if not path.exists():
        parser.error(f"there is no {path}\n\n{CONVERT}")
    began = time.monotonic()
    rows = Rows.of(read(path))
    print(f"{len(rows.payments):,} payments replayed in {time.monotonic() - began:.0f} s")
    first = int(given.first_test.replace(tzinfo=UTC).timestamp()) // DAY
    found = []
    for number in range(given.weeks):
        metrics, size = week(rows, first + number * WEEK, LEARNED_DAYS)
        starts = datetime.fromtimestamp((first + number * WEEK) * DAY, UTC).date()
        print(
            f"week of {starts}: {metrics['payments']:,} payments, {metrics['frauds']} frauds, "
            f"AP {metrics['average_precision']:.3f}, model of {size:,} bytes"
        )
        found.append(metrics)
    used = f"{len(FEATURES) - len(NOISE)} of {len(FEATURES)} features"
    print(f"\n{used}; packed artefact, pure Python; mean ± sd of the weeks")
    print(f"{'':<26}{'here':>16}{'published best':>16}{'goal':>8}")
    for name, (words, published, goal) in MEASURES.items():
        values = [each[name] for each in found]
        here = f"{mean(values):.3f} ± {pstdev(values):.3f}"
        print(f"{words:<26}{here:>16}{published or '–':>16}{f'≥ {goal}' if goal else '':>8}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
