"""Rows of a CSV file that somebody else wrote: read strictly, or refused with the line's number.

A file that is refused changes nothing, so every row of it is checked before the first is believed.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from farthing.cards import holds_pan
from farthing.ids import is_of_an_id
from farthing.money import EXPONENTS

LINES_MAX = 1_000_000
CELL_LENGTH_MAX = 200
_CENTS = re.compile(r"-?[0-9]{1,14}")
_NAME = re.compile(r"[A-Za-z0-9._:-]{1,100}")


class FileRefused(ValueError):
    """What is wrong with a file, and where."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"line {line}: {problem}")
        self.line = line
        self.problem = problem


class Row:
    """One row by the names of its columns. Raises FileRefused for a cell that is wrong."""

    def __init__(self, line: int, cells: Mapping[str, str]) -> None:
        self.line = line
        self._cells = cells

    def text(self, column: str) -> str:
        """A cell as it stands. A card number is refused, wherever it is; an id of ours is none."""
        text = self._cells[column]
        if len(text) > CELL_LENGTH_MAX:
            raise self.wrong(f"{column} is longer than {CELL_LENGTH_MAX} characters")
        if holds_pan(text) and not is_of_an_id(text):
            raise self.wrong(f"{column} holds a card number")
        return text

    def name(self, column: str, *, required: bool = True) -> str:
        """A cell that names something."""
        text = self.text(column)
        if not text and not required:
            return text
        if not _NAME.fullmatch(text):
            raise self.wrong(f"{column} is no name of at most 100 letters, digits and . _ : -")
        return text

    def cents(self, column: str) -> int:
        """A cell that is an amount in minor units, signed."""
        text = self._cells[column]
        if not _CENTS.fullmatch(text):
            raise self.wrong(f"{column} is no whole number of minor units")
        return int(text)

    def currency(self, column: str = "currency") -> str:
        """A cell that is an ISO 4217 code, in lower case."""
        code = self._cells[column].lower()
        if code not in EXPONENTS:
            raise self.wrong(f"{column} is no ISO 4217 currency")
        return code

    def day(self, column: str) -> str:
        """A cell that is a day, such as 2026-11-22."""
        text = self._cells[column]
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            raise self.wrong(f"{column} is no day, such as 2026-11-22") from None

    def wrong(self, problem: str) -> FileRefused:
        """What to raise about this row."""
        return FileRefused(self.line, problem)


def rows_of(content: bytes, columns: Sequence[str]) -> Iterator[Row]:
    """The rows below the header, which names exactly `columns`. Raises FileRefused."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FileRefused(1, "the file is not UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        if header != list(columns):
            raise FileRefused(1, "the header is not " + ",".join(columns))
        for cells in reader:
            if not cells:
                continue
            if reader.line_num > LINES_MAX:
                raise FileRefused(reader.line_num, f"there are more than {LINES_MAX} lines")
            if len(cells) != len(columns):
                raise FileRefused(reader.line_num, f"there are {len(cells)} cells")
            yield Row(reader.line_num, dict(zip(columns, cells, strict=True)))
    except csv.Error as error:
        raise FileRefused(reader.line_num, str(error)) from None
