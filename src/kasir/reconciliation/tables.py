"""Reads a CSV file by the names of its columns, in pieces of any size.

A row is looked up by name and never by position, because merchants add columns and Adyen's older
files have them in another order. If a name stands more than once in the header, the first column
has the name and the others are numbered: `Settlement Currency`, `Settlement Currency (2)`.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kasir.errors import KasirError

#: The longest row in characters, so that an unclosed quote cannot collect the whole file.
_ROW_LETTERS_MAX: Final = 1024 * 1024
#: How formats other than CSV begin: XLSX (a ZIP file), XLS, PDF, gzip.
_OTHER_FORMATS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF", b"\x1f\x8b", b"<")


class UnreadableReport(KasirError):
    """A report that cannot be read; the message names the cause and the cure."""


class UnreadableRow(KasirError):
    """A row of a report that cannot be read. The other rows are read."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        line: The number of the row; the header is 1. A row with line breaks counts once.
        values: The values by the name of their column.
    """

    line: int
    values: Mapping[str, str]

    def get(self, name: str) -> str:
        """The value of a column without surrounding spaces; empty without such a column."""
        return self.values.get(name, "").strip()


class TableReader:
    """Reads rows from pieces of a file, which may end anywhere."""

    def __init__(self) -> None:
        #: The names of the columns; empty before the header was read.
        self.columns: tuple[str, ...] = ()
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._searched = 0
        self._quotes = 0
        self._line = 0
        self._delimiter = ","
        self._is_begun = False

    def feed(self, piece: bytes) -> Iterator[Row]:
        """Read the rows that are complete with this piece.

        Raises:
            UnreadableReport: The file is not CSV in UTF-8, or a row is too long.
        """
        if piece and not self._is_begun:
            self._is_begun = True
            if piece.startswith(_OTHER_FORMATS):
                raise UnreadableReport("it is not CSV; choose the format CSV in Customer Area")
        return self._rows(self._complete(self._decoded(piece, final=False)))

    def finish(self) -> Iterator[Row]:
        """Read the last row, which may have no line break.

        Raises:
            UnreadableReport: The file ends inside a quoted value, or has no header.
        """
        text = self._text + self._decoded(b"", final=True)
        self._text = ""
        if text.count('"') % 2:
            raise UnreadableReport("it ends inside a quoted value; it was not received completely")
        yield from self._rows(text)
        if not self.columns:
            raise UnreadableReport("it is empty")

    def _decoded(self, piece: bytes, *, final: bool) -> str:
        try:
            return self._decoder.decode(piece, final)
        except UnicodeDecodeError as error:
            raise UnreadableReport("it is not text in UTF-8") from error

    def _complete(self, more: str) -> str:
        """Add text, and take off everything up to the last line break outside quotes."""
        self._text += more
        end = 0
        while (found := self._text.find("\n", self._searched)) >= 0:
            self._quotes += self._text.count('"', self._searched, found)
            self._searched = found + 1
            if self._quotes % 2 == 0:
                end = self._searched
        complete, self._text = self._text[:end], self._text[end:]
        self._searched -= end
        if end:
            # The remaining text starts outside quotes, but the part of it that was already searched
            # may have an opening quote.
            self._quotes = self._text.count('"', 0, self._searched)
        if len(self._text) > _ROW_LETTERS_MAX:
            raise UnreadableReport(f"the row after row {self._line} is too long")
        return complete

    def _rows(self, text: str) -> Iterator[Row]:
        if not text:
            return
        if not self.columns and "\t" in text.partition("\n")[0]:
            self._delimiter = "\t"
        # Without `newline=""` a line break inside quotes would be changed.
        lines = io.StringIO(text, newline="")
        try:
            for values in csv.reader(lines, delimiter=self._delimiter, strict=True):
                self._line += 1
                if not values:
                    continue
                if self.columns:
                    yield Row(self._line, self._named(values))
                else:
                    self.columns = _columns(values)
        except csv.Error as error:
            raise UnreadableReport(f"row {self._line + 1} is not CSV: {error}") from error

    def _named(self, values: Sequence[str]) -> Mapping[str, str]:
        """The values by name; what has no column, or no value, is left out."""
        return dict(zip(self.columns, values, strict=False))


def _columns(header: Sequence[str]) -> tuple[str, ...]:
    """The names of the columns; a name that stands again gets a number."""
    counts: Counter[str] = Counter()
    columns = []
    for name in (each.strip() for each in header):
        counts[name] += 1
        columns.append(name if counts[name] == 1 else f"{name} ({counts[name]})")
    return tuple(columns)


def check_columns(columns: Sequence[str], needed: Sequence[str]) -> None:
    """Check that all needed columns are there.

    Raises:
        UnreadableReport: One is missing; the message names all that are.
    """
    missing = [name for name in needed if name not in columns]
    if missing:
        names = ", ".join(f"'{name}'" for name in missing)
        raise UnreadableReport(f"it has no column {names}; add it in Customer Area, Reports")
