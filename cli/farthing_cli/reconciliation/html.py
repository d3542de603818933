"""The page about a file: what it pays day by day, and what of it nobody can explain yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from farthing.money import Money
from farthing.reconciliation.break_row import Break
from farthing.reconciliation.file_row import FileKind, FileRow
from farthing_cli.fraud.page import Html, figures, heading, note, page, paragraph, table
from farthing_cli.reconciliation.days import Day, days_of
from farthing_cli.reconciliation.waterfall import waterfall


def page_of(row: FileRow, kind: FileKind, content: bytes, breaks: Sequence[Break]) -> str:
    """The whole page. Raises FileRefused."""
    what = "the acquirer's report" if kind is FileKind.REPORT else "the bank's statement"
    parts = [
        paragraph(
            f"Of {what}: lines {row.lines:,}, matched {row.matched:,}, "
            f"in a break {sum(row.broken.values()):,}."
        ),
        *_warnings(row, breaks),
        *_counts(row, breaks),
        *(day_by_day(days_of(content)) if kind is FileKind.REPORT else ()),
        *_breaks(breaks),
    ]
    footer = f"{row.name}, brought by {row.by}, received {row.received_at}. SHA-256 {row.sha256}."
    return page("Reconciliation", parts, footer)


def _warnings(row: FileRow, breaks: Sequence[Break]) -> Iterator[Html]:
    if row.unplaced:
        text = "Lines that name no batch of any merchant, and are in no books"
        yield note(f"{text}: {row.unplaced:,}.")
    suspense: Counter[str] = Counter()
    for one in breaks:
        suspense.update(one.effect.suspense)
    held = ", ".join(str(Money(cents, currency)) for currency, cents in sorted(suspense.items()))
    if breaks:
        text = f"Open breaks in these batches: {len(breaks):,}."
        yield note(f"{text} In suspense: {held}." if held else text)


def _counts(row: FileRow, breaks: Sequence[Break]) -> Iterator[Html]:
    open_now = Counter(one.kind.value for one in breaks)
    kinds = sorted({*row.broken, *open_now})
    rows = [("matched", f"{row.matched:,}", "")]
    rows += [(kind, f"{row.broken.get(kind, 0):,}", f"{open_now[kind]:,}") for kind in kinds]
    caption = "Each line of the file is in one row. Breaks that are open may be of other files too"
    yield table(caption, ("", "lines of this file", "open now"), rows)


def day_by_day(days: Mapping[tuple[str, str], Day]) -> Iterator[Html]:
    """A waterfall for each currency and day, and the same in figures."""
    yield heading("Day by day")
    yield figures(
        (
            f"{day} · {currency.upper()}",
            waterfall(f"w{number}", f"{day} in {currency.upper()}", currency, one.steps()),
            f"net {Money(one.net, currency)}",
        )
        for number, ((currency, day), one) in enumerate(days.items())
    )
    rows = [
        (f"{day} {currency.upper()}", *(_amount(cents, currency) for _, cents in one.steps()))
        for (currency, day), one in days.items()
    ]
    columns = ("day", "gross", "fees", "refunds", "chargebacks", "reserve", "net")
    yield table("The same in figures", columns, rows)


def _breaks(breaks: Sequence[Break]) -> Iterator[Html]:
    yield heading("Open breaks")
    if not breaks:
        yield paragraph("None: every line of these batches is explained.")
        return
    rows = [
        (
            one.kind.value,
            one.subject.line,
            _figures(one, of_ours=True),
            _figures(one, of_ours=False),
            ", ".join(
                str(Money(c, currency)) for currency, c in sorted(one.effect.suspense.items())
            ),
            one.assigned_to or "",
            one.break_id,
        )
        for one in breaks
    ]
    columns = ("kind", "line", "ours", "theirs", "in suspense", "who has it", "break")
    yield table(
        "What is to be done about each kind is in docs/reconciliation.md", columns, rows, text=True
    )


def _figures(one: Break, *, of_ours: bool) -> str:
    side = one.expected if of_ours else one.reported
    return "" if side is None else str(Money(side.amount_cents, side.currency))


def _amount(cents: int, currency: str) -> str:
    return str(Money(cents, currency)).rpartition(" ")[0]
