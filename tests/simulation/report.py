"""What a search has counted, for people.

`python -m tests.simulation.report soak.json docs/reliability.md` puts it where it is published.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.simulation.coverage import REACHED, Coverage
from tests.simulation.faults import CRASHES, FAULTS_OF, Fault, Kind
from tests.simulation.tally import Tally

AT_CALLS = tuple(fault for fault in Fault if any(fault in some for some in FAULTS_OF.values()))
CANNOT = "·"
METHODS = ("GET ", "POST ", "PATCH ", "DELETE ")
READS = ("get_item", "batch_get_item", "query", "scan")
MUST_BE_HIT = tuple(fault.value for fault in CRASHES)


def kind_of(point: str) -> Kind:
    """Of which kind a call point is, by its name."""
    _, _, what = point.partition(" ")
    service, _, method = what.partition(".")
    match service:
        case "dynamodb":
            return Kind.READ if method.startswith(READS) else Kind.WRITE
        case "lambda":
            return Kind.INVOKE
        case "acquirer":
            return Kind.ACQUIRER
        case "receiver":
            return Kind.HTTP
    return Kind.AWS


def missing(tally: Tally) -> list[str]:
    """The pairs of call point and crash that must happen, and never did."""
    points = set(tally.crash_points)
    holes = tally.coverage.missing(MUST_BE_HIT)
    return [f"{point}: {fault}" for point, fault in holes if point in points]


def at_calls(coverage: Coverage) -> str:
    """How often each fault struck at each call point; a dot where it cannot."""
    heads = ["call point", REACHED, *(fault.value for fault in AT_CALLS)]
    rows = [
        [point, number(coverage.times(point, REACHED)), *_cells(coverage, point)]
        for point in coverage.points()
    ]
    return grid(heads, rows)


def _cells(coverage: Coverage, point: str) -> list[str]:
    possible = FAULTS_OF[kind_of(point)]
    times = (coverage.times(point, fault.value) for fault in AT_CALLS)
    return [
        number(n) if n or fault in possible else CANNOT
        for fault, n in zip(AT_CALLS, times, strict=True)
    ]


def elsewhere(tally: Tally) -> str:
    """What went wrong between the calls, at the acquirer and at the receivers."""
    points, counts = set(tally.coverage.points()), Counter[tuple[str, str]]()
    for (where, what), times in tally.coverage.counts.items():
        if where not in points:
            counts["gateway" if where.startswith(METHODS) else where, what] += times
    for other, times in tally.others.items():
        where, _, what = other.rpartition(" ")
        counts[where, what.lower().replace("_", " ")] += times
    places = sorted({where for where, _ in counts})
    lines = []
    for place in places:
        struck = sorted((what, times) for (where, what), times in counts.items() if where == place)
        lines.append(f"{place}: {', '.join(f'{what} {number(times)}' for what, times in struck)}")
    return "\n".join(lines)


def totals(tally: Tally) -> str:
    """The figures, in a few lines."""
    wall = sum(part.wall_seconds for part in tally.parts)
    points = tally.crash_points
    holes = missing(tally)
    pairs = len(points) * len(MUST_BE_HIT)
    struck = sum(n for (_, what), n in tally.coverage.counts.items() if what != REACHED)
    rate = tally.schedules / wall if wall else 0.0
    each = tally.calls / tally.schedules if tally.schedules else 0.0
    return "\n".join(
        (
            f"schedules      {tally.schedules:,}, of seeds "
            + ", ".join(f"{first:,} to {end - 1:,}" for first, end in tally.seeds),
            f"calls          {tally.calls:,}, {each:,.0f} a schedule",
            f"faults         {struck:,} by the world, {sum(tally.others.values()):,} by acquirers "
            "and receivers",
            f"pairs hit      {pairs - len(holes)} of {pairs}: a crash before and after each of "
            f"{len(points)} call points; {tally.aimed:,} aimed",
            f"time           {wall:,.0f} s, {rate:,.0f} schedules a second",
            f"violations     {len(tally.findings)}",
        )
    )


def grid(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns; a head of two words takes two lines."""
    first = [head.partition(" ")[0] if number_ else "" for number_, head in enumerate(heads)]
    second = [head.partition(" ")[2] if number_ else head for number_, head in enumerate(heads)]
    lines = [first, second, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def number(times: int) -> str:
    """In four characters or so."""
    if times < 100_000:
        return str(times)
    return f"{times // 1000}k" if times < 10_000_000 else f"{times // 1_000_000}M"


def markdown(tally: Tally) -> str:
    """All of it, as the docs have it."""
    commits = ", ".join(f"`{commit}`" for commit in dict.fromkeys(p.commit for p in tally.parts))
    dates = sorted({part.date for part in tally.parts})
    processes = sorted({part.processes for part in tally.parts})
    versions = sorted({part.python for part in tally.parts})
    lines = [
        f"Run {' to '.join(dict.fromkeys((dates[0], dates[-1])))} on commit {commits}, "
        f"Python {', '.join(versions)}, {', '.join(map(str, processes))} processes.",
        "",
        "```text",
        totals(tally),
        "```",
        "",
        "Crashes and other faults of a call, by call point; a dot where a fault cannot strike:",
        "",
        "```text",
        at_calls(tally.coverage),
        "```",
        "",
        "Everything else that went wrong:",
        "",
        "```text",
        elsewhere(tally),
        "```",
    ]
    if holes := missing(tally):
        lines += ["", "Never hit, and must be:", "", *(f"- {hole}" for hole in holes)]
    if tally.findings:
        lines += ["", "| seed | what | about | facts |", "|---|---|---|---|"]
        lines += [
            f"| {f.seed} | {f.what} | {f.subject} | {f.facts[:200].replace('|', '/')} |"
            for f in tally.findings
        ]
    return "\n".join(lines)


BEGINS, ENDS = "<!-- soak begins -->", "<!-- soak ends -->"


def put_into(page: Path, text: str) -> None:
    """Replace what a page says between the two marks."""
    before, _, rest = page.read_text().partition(BEGINS)
    _, _, after = rest.partition(ENDS)
    page.write_text(f"{before}{BEGINS}\n{text}\n{ENDS}{after}")


def main(arguments: Sequence[str]) -> int:
    """Print the file's figures as Markdown, or put them into a page."""
    if len(arguments) not in (1, 2) or not all(Path(path).exists() for path in arguments):
        print("python -m tests.simulation.report FILE [PAGE]; --into wrote FILE", file=sys.stderr)
        return 2
    text = markdown(Tally.load(Path(arguments[0])))
    if len(arguments) == 2:
        put_into(Path(arguments[1]), text)
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
