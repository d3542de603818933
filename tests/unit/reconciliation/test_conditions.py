"""No write of reconciliation can be made twice: each depends on what was there before it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from farthing.reconciliation.file_row import FileKind
from farthing.reconciliation.intake import take_file
from farthing.reconciliation.mark import Mark
from farthing.reconciliation.resolution import Resolution
from farthing.reconciliation.take import Source
from farthing.store import ConditionFailed, Put, Write
from tests.unit.reconciliation.month import SOURCE
from tests.unit.reconciliation.ours import FIRST_DAY, Ours
from tests.unit.reconciliation.steps import Story
from tests.unit.reconciliation.test_report import NEXT_DAY, many_breaks
from tests.unit.reconciliation.theirs import Moved


@dataclass
class Watched(Ours):
    """Keeps every write, in its transaction."""

    kept: list[tuple[Write, ...]] = field(default_factory=list)

    def written(self, writes: tuple[Write, ...]) -> None:
        self.kept.append(writes)
        for one in writes:
            if names_the_break_of_an_awaited_line(one):
                continue
            with pytest.raises(ConditionFailed):
                self.write(one)


def names_the_break_of_an_awaited_line(one: Write) -> bool:
    """It stays AWAITED. What holds it is the batch's version, in the same transaction."""
    if not isinstance(one, Put) or one.item["entity"] != "reconciliation_mark":
        return False
    mark = Mark.of(one.item)
    return mark.state.value == "AWAITED" and mark.break_id is not None


def test_every_write_depends_on_what_was_there_before() -> None:
    ours = Watched()
    story = Story(ours=ours)
    names = many_breaks(story)
    story.report(*names)
    story.bank(*names)
    story.theirs.currency["nobodys"] = "eur"
    story.theirs.settled["nobodys"].append(Moved("CAPTURE", "X", "", "eur", 5))
    story.report(content=story.theirs.report("nobodys"))
    story.days_later(9)
    story.miss()
    story.desk().note(story.open()[0].break_id, "seen", "Ada")
    for one in story.open():
        decided = Resolution.WRITE_OFF if one.effect.suspense or one.unpaid_cents else None
        story.resolve(one, decided or Resolution.EXPLAINED)

    assert len({one.when.name for writes in ours.kept for one in writes}) >= 8
    assert {"BOOKS_UNMOVED", "BREAK_UNMOVED", "NOBODY_WENT_ON", "NOT_CREATED", "EXISTS"} <= {
        one.when.name for writes in ours.kept for one in writes
    }


def test_two_reports_that_have_one_early_line_pay_it_once() -> None:
    """Neither batch is the line's own, so nothing but its mark holds them apart."""
    story = Story()
    first = story.batch_of(1_000)
    second = story.batch_of(2_000, day=NEXT_DAY)
    third = story.batch_of(3_000, 4_000, day=NEXT_DAY.replace(day=NEXT_DAY.day + 1))
    early = story.at(third).pop()
    story.at(first).append(early)
    story.at(second).append(Moved(**vars(early)))
    done = iter([True])

    def meanwhile() -> None:
        if next(done, False):
            story.ours.before_write = lambda: None
            story.report(second)

    content = story.theirs.report(first.reference)
    steps = iter(range(1, 9))

    def at_the_second_write() -> None:
        if next(steps) == 2:
            meanwhile()

    story.ours.before_write = at_the_second_write
    story.report(content=content)

    assert {kind.value: count for kind, count in story.kinds().items()} == {"DUPLICATE_LINE": 1}
    story.check()


@pytest.mark.parametrize("step", range(1, 6))
def test_two_runs_of_one_file_count_its_lines_once(step: int) -> None:
    """Another run of the same file comes between, before whichever write."""
    story = Story()
    names = [story.batch_of(1_000, day=FIRST_DAY.replace(day=day)) for day in (2, 3)]
    content = story.theirs.report(*(name.reference for name in names))
    steps = iter(range(1, 100))
    other = Source("the same", "Grace")

    def meanwhile() -> None:
        if next(steps) == step:
            story.ours.before_write = lambda: None
            take_file(FileKind.REPORT, content, other, story.ours.services())

    story.ours.before_write = meanwhile
    take_file(FileKind.REPORT, content, SOURCE, story.ours.services())

    row = story.file(content)
    assert (row.done, row.lines_done, row.matched, row.state) == (2, 2, 2, "READ")
    assert row.by == ("Grace" if step == 1 else SOURCE.by)
