"""Where the roster stands: a CSV or Parquet file by path or fsspec URL, or rows that a database gave -> a sheet.

Nothing is judged here but whether it can be read at all; people are made of it in `health`. A file that changes while
it is read, or that was still written a moment ago, is refused. Seams are arguments: `sleep`, `clock`.
"""

import csv
import io
import lzma
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import fsspec

from exec_orchestration.errors import UnhealthyRoster

DELIMITERS = ",;\t|"
PARQUET_MAGIC = b"PAR1"
SHOWN_LINES = 5
UNREADABLE = (OSError, ValueError, ImportError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


@dataclass(frozen=True)
class Line:
    """One row: where it stands, its values, and what is wrong with its form, if anything."""

    number: int
    values: Sequence[Any]
    problem: str | None = None


@dataclass(frozen=True)
class Source:
    """The content of a roster at one moment."""

    name: str
    fingerprint: str
    content: bytes
    modified_at: datetime | None


@dataclass(frozen=True)
class Sheet:
    """Header and rows of a roster, as they came."""

    name: str
    fingerprint: str
    modified_at: datetime | None
    header: tuple[str, ...]
    lines: Sequence[Line]


def fetch(
    url: str,
    *,
    rest_seconds: float = 0.0,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.time,
) -> Source:
    """The file behind a path or fsspec URL, decompressed. Raises UnhealthyRoster.

    One that was written less than `rest_seconds` ago is watched until then: half a roster looks like a whole one.
    """
    # Passwords stand before an @, signatures of shared links after a question mark.
    name = url.partition("?")[0].rpartition("@")[2] if "://" in url else url
    try:
        files, path = fsspec.url_to_fs(url)
        before = _modified_at(files, path)
        sleep(_left_to_rest(before, rest_seconds, now=clock()))
        with fsspec.open(url, "rb", compression="infer") as file:
            content = file.read()
        after = _modified_at(files, path)
    except FileNotFoundError as error:
        raise UnhealthyRoster(
            f"The roster {name} does not exist. Put it there, or set HR_ROSTER_URL; nothing was sent to Sparkwise."
        ) from error
    except UNREADABLE as error:
        raise UnhealthyRoster(
            f"The roster {name} cannot be read: {type(error).__name__}: {error}. Check HR_ROSTER_URL and its access "
            "rights; nothing was sent to Sparkwise."
        ) from error
    if before != after:
        raise UnhealthyRoster(
            f"The roster {name} was rewritten while it was read (modified at {before}, then at {after}): it may not be "
            "whole. Run this again when nobody writes to it; nothing was sent to Sparkwise."
        )
    return Source(name, sha256(content).hexdigest(), content, after)


def sheet_of(source: Source) -> Sheet:
    """The sheet of a CSV or Parquet file. Raises UnhealthyRoster."""
    if source.content.startswith(PARQUET_MAGIC):
        header, lines = _parquet(source)
    else:
        header, lines = _csv(source)
    return Sheet(source.name, source.fingerprint, source.modified_at, header, lines)


def sheet_of_rows(header: Iterable[str], rows: Iterable[Sequence[Any]], *, name: str) -> Sheet:
    """The sheet of a query's result; in whatever order the rows come, the same rows have the same fingerprint."""
    columns, found = tuple(header), sorted(map(tuple, rows), key=repr)
    told = repr((columns, found)).encode()
    lines = [Line(number, row) for number, row in enumerate(found, start=1)]
    return Sheet(name, sha256(told).hexdigest(), None, columns, lines)


def _modified_at(files: Any, path: str) -> datetime | None:
    """When the file was written last, where its file system tells."""
    if not files.exists(path):
        raise FileNotFoundError(path)
    try:
        moment: datetime = files.modified(path)
    except (NotImplementedError, KeyError, AttributeError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _left_to_rest(modified_at: datetime | None, rest_seconds: float, *, now: float) -> float:
    """Seconds until a file has been as it is for so long; the whole of them where its clock is ahead of ours."""
    if modified_at is None:
        return 0.0
    rested = max(0.0, now - modified_at.timestamp())
    return max(0.0, rest_seconds - rested)


def _parquet(source: Source) -> tuple[tuple[str, ...], list[Line]]:
    # Imported where it is used: it takes a third of a second, and most rosters are CSV.
    import pandas as pd

    try:
        frame = pd.read_parquet(io.BytesIO(source.content), dtype_backend="pyarrow")
        plain = frame.astype(object).where(frame.notna(), None)
    except (OSError, ValueError, ArithmeticError, NotImplementedError) as error:
        raise UnhealthyRoster(
            f"The roster {source.name} is not a Parquet file that can be read: {error}. Nothing was sent to Sparkwise."
        ) from error
    rows = enumerate(plain.itertuples(index=False, name=None), start=1)
    return tuple(map(str, frame.columns)), [Line(number, _plain(row)) for number, row in rows]


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Python's own values in place of pandas'."""
    return tuple(value.date() if isinstance(value, datetime) else value for value in row)


def _csv(source: Source) -> tuple[tuple[str, ...], list[Line]]:
    written = _decoded(source)
    first = written.lstrip().partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    records = _records(csv.reader(io.StringIO(written, newline=""), delimiter=delimiter, strict=True))
    header = next(records, None)
    if header is None:
        raise UnhealthyRoster(
            f"The roster {source.name} is empty: 0 rows, not even a header. Nothing was sent to Sparkwise."
        )
    width = len(header.values)
    return tuple(header.values), [_whole(each, width, name=source.name, delimiter=delimiter) for each in records]


@dataclass(frozen=True)
class _Record:
    """The values between two ends of record, and the lines that they stand on; or why they cannot be read."""

    first_line: int
    last_line: int
    values: Sequence[str]
    problem: str | None = None


def _records(reader: Any) -> Iterator[_Record]:
    """The records of a CSV file; lines without any value are passed over."""
    while True:
        first_line = reader.line_num + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield _Record(first_line, reader.line_num, (), f"cannot be read as CSV: {error}")
            continue
        if any(value.strip() for value in values):
            yield _Record(first_line, reader.line_num, values)


def _whole(record: _Record, width: int, *, name: str, delimiter: str) -> Line:
    """The line of a record. One of another width is a bad row, unless it runs over several lines: then an open
    quotation mark may have swallowed people, and the whole file is refused. So it is where the width is right and as
    many delimiters stand in quotation marks as a person has.
    """
    problem = record.problem
    if not problem and len(record.values) != width:
        problem = f"has {len(record.values)} values where the header has {width}"
    swallowed = sum(value.count(delimiter) for value in record.values)
    is_over_lines = record.last_line > record.first_line
    if is_over_lines and not problem and swallowed >= width - 1:
        problem = f"has {swallowed} times {delimiter!r} in quotation marks"
    if is_over_lines and problem:
        raise UnhealthyRoster(
            f"The roster {name} has a quotation mark on line {record.first_line} that is not closed there, so that the "
            f"lines up to {record.last_line} may be lost in it (the record {problem}). Mend it; nothing was sent to "
            "Sparkwise."
        )
    return Line(record.first_line, record.values, problem)


def _decoded(source: Source) -> str:
    encoding = "utf-16" if source.content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return source.content.decode(encoding)
    except UnicodeDecodeError as error:
        wrong = _undecodable(source.content)
        raise UnhealthyRoster(
            f"The roster {source.name} is not in UTF-8: {len(wrong)} lines cannot be decoded, the first being "
            f"{', '.join(wrong[:SHOWN_LINES])}. Save it as UTF-8; nothing was sent to Sparkwise."
        ) from error


def _undecodable(content: bytes) -> list[str]:
    """Each line that is not UTF-8, with its number and its first wrong byte."""
    wrong = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        try:
            line.decode()
        except UnicodeDecodeError as error:
            wrong.append(f"line {number} (byte 0x{line[error.start]:02x} at {error.start + 1})")
    return wrong
