"""Where the roster stands: files of any kind and encoding -> a sheet, or a refusal that says which line is at fault."""

import bz2
import gzip
import io
import itertools
import lzma
import os
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from exec_orchestration.errors import UnhealthyRoster
from exec_orchestration.roster.sources import fetch, sheet_of, sheet_of_rows
from exec_orchestration_tests.roster.fakes import HEADER, file_of, lines, read, sheet

ROWS = ["E1,Ada,Love,active", "E2,Zoë,Li,leave"]
VALUES = [tuple(row.split(",")) for row in ROWS]


def values(content: str | bytes) -> list[tuple[Any, ...]]:
    """The rows of a file, none of which has a problem."""
    found = sheet(content)
    assert found.header == tuple(HEADER.split(","))
    assert [line.problem for line in found.lines] == [None] * len(found.lines)
    return [tuple(line.values) for line in found.lines]


def refusal(content: str | bytes) -> str:
    """Why a file cannot be read at all."""
    with pytest.raises(UnhealthyRoster) as error:
        sheet(content)
    assert str(error.value).startswith("The roster roster.csv ")
    assert "othing was sent to Sparkwise." in str(error.value)
    return str(error.value)


# CSV


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_csv_file_has_one_of_four_delimiters(delimiter: str, end: str) -> None:
    """And any of three ends of line, after the last row or not."""
    content = file_of(ROWS).replace(",", delimiter).replace("\n", end)
    assert values(content) == values(content.rstrip()) == VALUES


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le with a mark", "utf-16-be with a mark"])
def test_a_csv_file_is_in_utf_8_or_has_a_mark_that_tells(encoding: str) -> None:
    """Excel writes a mark before UTF-8, and calls UTF-16 Unicode."""
    mark = "\ufeff" if "mark" in encoding else ""
    assert values((mark + file_of(ROWS)).encode(encoding.split()[0])) == VALUES


def test_another_encoding_is_refused_with_its_lines() -> None:
    """Windows-1252 is never guessed: a wrong guess would be written to Sparkwise as a name."""
    told = refusal(file_of(["E1,Ada,Love,active", "E2,Zoë,Li,active", "E3,Eve,Wöß,active"]).encode("cp1252"))
    assert "is not in UTF-8: 2 lines cannot be decoded" in told
    assert "line 3 (byte 0xeb at 6), line 4 (byte 0xf6 at 9). Save it as UTF-8" in told


def test_only_the_first_five_undecodable_lines_are_shown() -> None:
    """With the count of all of them."""
    told = refusal(file_of(["E1,Zoë,Li,active"] * 6).encode("cp1252"))
    assert "6 lines cannot be decoded" in told
    assert told.count("(byte 0xeb") == 5


def test_half_a_utf_16_file_is_refused() -> None:
    """It ends in the middle of a letter."""
    assert "cannot be decoded" in refusal(file_of(ROWS).encode("utf-16")[:-1])


def test_utf_16_without_a_mark_has_none_of_our_columns() -> None:
    """It is text of a kind, but nobody stands in it."""
    with pytest.raises(UnhealthyRoster, match="the required column employee_id, first_name"):
        read(file_of(lines(3)).encode("utf-16-le"))


def test_lines_without_any_value_are_passed_over() -> None:
    """Blank ones, those of spaces and those of delimiters, before the header, too; the others keep their numbers."""
    found = sheet(f"\n;;;\n  \n{HEADER.replace(',', ';')}\n\n;;;\n ; ;;\nE1;Ada;Love;active\n\n")
    assert found.header == tuple(HEADER.split(","))
    assert [(line.number, tuple(line.values)) for line in found.lines] == [(8, VALUES[0])]


def test_a_blank_line_before_the_header_does_not_hide_the_delimiter() -> None:
    """Whatever the blank line is made of."""
    assert values("   \n" + file_of(ROWS).replace(",", ";")) == VALUES


@pytest.mark.parametrize(("row", "count"), [("E3,Eve", 2), ("E3,Eve,Wu,active,", 5), ("E3", 1)])
def test_a_row_of_another_width_is_one_bad_row(row: str, count: int) -> None:
    """The rows around it are as they were."""
    found = sheet(file_of([ROWS[0], row, ROWS[1]]))
    assert [line.problem for line in found.lines] == [None, f"has {count} values where the header has 4", None]
    assert [line.number for line in found.lines] == [2, 3, 4]


def test_quotation_marks_hold_delimiters_and_themselves() -> None:
    """Within one line everything may stand in them."""
    found = sheet(file_of(['E1,"Love, Ada","the ""great""",active']))
    assert tuple(found.lines[0].values) == ("E1", "Love, Ada", 'the "great"', "active")
    assert tuple(sheet(file_of(['E1,Ada,O"Love,active'])).lines[0].values)[2] == 'O"Love'


def test_a_wrong_quotation_mark_on_one_line_is_one_bad_row() -> None:
    """What follows it on the line cannot be told apart from what it holds."""
    found = sheet(file_of([ROWS[0], 'E3,"Eve" Jane,Wu,active', ROWS[1]]))
    assert [bool(line.problem) for line in found.lines] == [False, True, False]
    assert str(found.lines[1].problem).startswith("cannot be read as CSV: ")
    assert found.lines[1].number == 3


def test_one_value_may_run_over_several_lines() -> None:
    """Such as an address in a column that nobody reads; the next row has its own number."""
    found = sheet(f'{HEADER},address\nE1,Ada,Love,active,"1 Road,\nOslo"\nE2,Zoë,Li,leave,\n')
    assert [(line.number, line.problem) for line in found.lines] == [(2, None), (4, None)]
    assert found.lines[0].values[4] == "1 Road,\nOslo"


@pytest.mark.parametrize(
    "rows",
    [
        ['E2,"Zoë,Li,leave', "E3,Eve,Wu,active", "E4,Bob,Ray,active"],  # open to the end of the file
        ['E2,"Zoë,Li,leave', 'E3,"Eve,Wu",active', "E4,Bob,Ray,active"],  # closed before another value
        ['E2,"Zoë,Li,leave', 'E3,Eve",Wu,active', "E4,Bob,Ray,active"],  # closed, and the width is right by chance
        ['E2,"Zoë,Li,leave', "E3,Eve,Wu,active", 'E4,Bob",Ray,active'],
    ],
)
def test_a_quotation_mark_over_several_people_refuses_the_file(rows: list[str]) -> None:
    """Whoever was swallowed would be missing, and be switched off."""
    told = refusal(file_of([ROWS[0], *rows]))
    assert "has a quotation mark on line 3 that is not closed there, so that the lines up to " in told


def test_as_many_delimiters_in_quotation_marks_as_a_person_has_are_too_many() -> None:
    """One fewer may be an address."""
    assert len(sheet(file_of(['E1,Ada,"a,b\nc,d",active'])).lines) == 1
    assert [line.problem for line in sheet(file_of(['E1,Ada,"a,b,c,d,e",active'])).lines] == [None]
    assert "on line 2 that is not closed there" in refusal(file_of(['E1,Ada,"a,b\nc,d,",active']))


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff", " \n;;;\n"])
def test_an_empty_file_is_refused(content: str) -> None:
    """It has not even a header."""
    assert "is empty: 0 rows, not even a header." in refusal(content)


def test_a_header_alone_is_a_sheet_without_rows() -> None:
    """Whether that may be is judged in `health`."""
    assert values(HEADER) == []


# Parquet


def parquet(**columns: Any) -> bytes:
    """A Parquet file."""
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def test_parquet_has_types() -> None:
    """Numbers, days, moments, words and nulls arrive as Python's own; rows are counted from 1."""
    found = sheet(
        parquet(
            employee_id=[1, 2, None],
            first_name=["Ada", None, "Zoë"],
            last_name=pa.array(["Love", "Li", "Wu"]).dictionary_encode(),
            status=["active"] * 3,
            start_date=pa.array([date(2026, 1, 31), None, None]),
            end_date=pa.array([datetime(2026, 1, 31, 5, tzinfo=UTC), None, None]),
            location=pa.array([Decimal("1.50"), None, None]),
        )
    )
    assert found.header[0] == "employee_id"
    day = date(2026, 1, 31)
    assert [(line.number, tuple(line.values), line.problem) for line in found.lines] == [
        (1, (1, "Ada", "Love", "active", day, day, Decimal("1.50")), None),
        (2, (2, None, "Li", "active", None, None, None), None),
        (3, (None, "Zoë", "Wu", "active", None, None, None), None),
    ]
    assert all(type(line.values[4]) in (date, type(None)) for line in found.lines)


def test_an_id_of_parquet_is_read_as_people_write_it() -> None:
    """A column of whole numbers that has nulls somewhere is one of fractions in many tools."""
    content = parquet(employee_id=[17.0, 18.0], first_name=["A", "B"], last_name=["C", "D"], status=["active"] * 2)
    assert [person.employee_id for person in read(content).people] == ["17", "18"]


def test_parquet_is_told_by_its_content() -> None:
    """Not by its name; an empty one is a sheet without rows."""
    found = sheet(parquet(employee_id=pa.array([], pa.string()), status=pa.array([], pa.string())))
    assert (found.header, list(found.lines)) == (("employee_id", "status"), [])


@pytest.mark.parametrize("content", [b"PAR1", b"PAR1" + b"x" * 100 + b"PAR1", parquet(a=[1] * 100)[:-9]])
def test_a_broken_parquet_file_is_refused(content: bytes) -> None:
    """It begins as one, and cannot be read."""
    assert "is not a Parquet file that can be read: " in refusal(content)


def test_a_day_that_no_calendar_knows_is_refused() -> None:
    """Parquet can hold days that Python cannot."""
    content = parquet(employee_id=["E1"], end_date=pa.array([10_000_000], pa.int32()).cast(pa.date32()))
    assert "is not a Parquet file that can be read: " in refusal(content)


# A query


def test_the_same_rows_of_a_query_have_the_same_fingerprint() -> None:
    """In whatever order a database gives them, and whatever they hold."""
    one = sheet_of_rows(["employee_id", "end_date"], [["E2", None], ["E1", date(2026, 1, 31)]], name="db")
    two = sheet_of_rows(("employee_id", "end_date"), [("E1", date(2026, 1, 31)), ("E2", None)], name="db")
    assert one == two
    assert [(line.number, line.values) for line in one.lines] == [(1, ("E1", date(2026, 1, 31))), (2, ("E2", None))]
    assert (one.name, one.modified_at) == ("db", None)


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        (("employee_id",), [("E1",)]),
        (("employee_id", "email"), [("E1", None), ("E2", None)]),
        (("employee_id", "mail"), [("E1", None)]),
        (("employee_id", "email"), [("E1", "None")]),
        (("employee_id", "email"), []),
    ],
)
def test_other_rows_have_another_fingerprint(header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """Other columns, names, values, or one row more."""
    usual = sheet_of_rows(("employee_id", "email"), [("E1", None)], name="db")
    assert sheet_of_rows(header, rows, name="db").fingerprint != usual.fingerprint


# Where files lie


@pytest.fixture
def memory() -> Iterator[MemoryFileSystem]:
    """fsspec's file system in memory, empty."""
    files = fsspec.filesystem("memory")
    files.store.clear()
    yield files
    files.store.clear()


def test_a_file_is_fetched_by_its_path(tmp_path: Path) -> None:
    """With what it holds, its fingerprint and when it was written, in UTC."""
    path = tmp_path / "roster.csv"
    path.write_text(file_of(ROWS))
    source = fetch(str(path))
    assert source.content == path.read_bytes()
    assert source.fingerprint == sha256(path.read_bytes()).hexdigest()
    assert source.modified_at is not None
    assert source.modified_at.timestamp() == pytest.approx(path.stat().st_mtime)
    assert source.modified_at.tzinfo is not None
    assert sheet_of(source).modified_at == source.modified_at
    assert sheet_of(source).fingerprint == source.fingerprint


def test_a_file_is_fetched_by_its_url(memory: MemoryFileSystem) -> None:
    """Of any kind that fsspec knows."""
    memory.pipe("/hr/roster.csv", file_of(ROWS).encode())
    found = sheet_of(fetch("memory://hr/roster.csv"))
    assert [tuple(line.values) for line in found.lines] == VALUES
    assert found.name == "memory://hr/roster.csv"


def zipped(content: bytes) -> bytes:
    """A ZIP archive of one file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("roster.csv", content)
    return file.getvalue()


PACKED = [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress), ("zip", zipped)]


@pytest.mark.parametrize(("ending", "pack"), PACKED)
def test_a_packed_file_is_unpacked(tmp_path: Path, ending: str, pack: Any) -> None:
    """Its fingerprint is that of what it holds: packing it anew is no new roster."""
    path = tmp_path / f"roster.csv.{ending}"
    path.write_bytes(pack(file_of(ROWS).encode()))
    source = fetch(str(path))
    assert [tuple(line.values) for line in sheet_of(source).lines] == VALUES
    assert source.fingerprint == sha256(file_of(ROWS).encode()).hexdigest()


@pytest.mark.parametrize(("ending", "pack"), PACKED)
def test_a_broken_packed_file_is_refused(tmp_path: Path, ending: str, pack: Any) -> None:
    """Cut off, or with other bytes in its middle."""
    whole = pack(file_of(lines(1000)).encode())
    middle = len(whole) // 2
    for broken in (whole[:middle], whole[:middle] + b"\x00" * 40 + whole[middle + 40 :], b"no archive"):
        path = tmp_path / f"roster.csv.{ending}"
        path.write_bytes(broken)
        with pytest.raises(UnhealthyRoster, match=r"cannot be read: .* Check HR_ROSTER_URL and its access"):
            fetch(str(path))


@pytest.mark.parametrize(
    "url", ["nowhere/roster.csv", "nowhere/@roster?.csv", "memory://nowhere.csv", "file:///nowhere/roster.csv"]
)
def test_a_missing_file_is_refused(url: str, memory: MemoryFileSystem) -> None:
    """With its name and the setting to look at."""
    with pytest.raises(UnhealthyRoster) as error:
        fetch(url)
    assert str(error.value) == (
        f"The roster {url} does not exist. Put it there, or set HR_ROSTER_URL; nothing was sent to Sparkwise."
    )


@pytest.mark.parametrize("url", ["gopher://x/roster.csv", "."])
def test_what_cannot_be_opened_is_refused(url: str) -> None:
    """An unknown kind of URL, a folder."""
    with pytest.raises(UnhealthyRoster, match=r"cannot be read: \w+: .* Check HR_ROSTER_URL"):
        fetch(url)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("gopher://me:secret@host/roster.csv", "host/roster.csv"),
        ("gopher://host/roster.csv?sig=secret", "gopher://host/roster.csv"),
        ("gopher://me:secret@host/roster.csv?sig=secret@x", "host/roster.csv"),
    ],
)
def test_no_secret_of_a_url_is_told(url: str, name: str) -> None:
    """Neither a password nor the signature of a shared link."""
    with pytest.raises(UnhealthyRoster) as error:
        fetch(url)
    assert str(error.value).startswith(f"The roster {name} ")
    assert "secret" not in str(error.value)


class Odd(MemoryFileSystem):
    """fsspec's memory under another kind of URL."""

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.partition("://")[2].strip("/") if "://" in path else path


class Restless(Odd):
    """Files that are written again at every moment."""

    protocol = "restless"
    moments = itertools.count()

    def modified(self, path: str) -> datetime:
        return datetime(2026, 1, 1, 0, 0, next(self.moments) % 60, tzinfo=UTC)


class Silent(Odd):
    """Files that do not tell when they were written."""

    protocol = "silent"

    def modified(self, path: str) -> datetime:
        raise NotImplementedError


class Naive(Odd):
    """Files that tell it without a zone."""

    protocol = "naive"

    def modified(self, path: str) -> datetime:
        return datetime(2026, 1, 31, 12)  # noqa: DTZ001


class Eastern(Odd):
    """Files that tell it in their own zone."""

    protocol = "eastern"

    def modified(self, path: str) -> datetime:
        return datetime(2026, 1, 31, 14, tzinfo=timezone(timedelta(hours=2)))


@pytest.fixture
def odd_files(memory: MemoryFileSystem) -> MemoryFileSystem:
    """A roster on file systems with habits of their own, which share fsspec's memory."""
    for kind in (Restless, Silent, Naive, Eastern):
        fsspec.register_implementation(kind.protocol, kind, clobber=True)
    memory.pipe("/roster.csv", file_of(ROWS).encode())
    return memory


def test_a_file_that_changes_while_it_is_read_is_refused(odd_files: MemoryFileSystem) -> None:
    """Half of it may be of the one, half of the other roster."""
    with pytest.raises(UnhealthyRoster, match="was rewritten while it was read") as error:
        fetch("restless://roster.csv")
    assert "Run this again when nobody writes to it" in str(error.value)


def test_the_moment_of_a_file_is_in_utc(odd_files: MemoryFileSystem) -> None:
    """Told in another zone or in none; some file systems tell no moment at all."""
    for url in ("naive://roster.csv", "eastern://roster.csv"):
        moment = fetch(url).modified_at
        assert moment is not None
        assert (moment, moment.tzinfo) == (datetime(2026, 1, 31, 12, tzinfo=UTC), UTC)
    assert fetch("silent://roster.csv").modified_at is None


@pytest.mark.parametrize(("written_ago", "waited"), [(0.0, 2.0), (0.5, 1.5), (2.0, 0.0), (3600.0, 0.0), (-60.0, 2.0)])
def test_a_file_has_to_be_at_rest(tmp_path: Path, written_ago: float, waited: float) -> None:
    """One that was written a moment ago is read when its rest is over; by a clock ahead of ours, after all of it."""
    path, naps = tmp_path / "roster.csv", list[float]()
    path.write_text(file_of(ROWS))
    os.utime(path, (1_700_000_000 - written_ago,) * 2)
    fetch(str(path), rest_seconds=2.0, sleep=naps.append, clock=lambda: 1_700_000_000)
    assert naps == [waited]


def test_a_file_that_is_still_written_is_refused(tmp_path: Path) -> None:
    """Whatever it holds by then: that more is on its way cannot be seen."""
    path = tmp_path / "roster.csv"
    path.write_text(file_of(lines(600)))

    def write_more(_seconds: float) -> None:
        path.write_text(file_of(lines(700)))
        os.utime(path, (path.stat().st_mtime + 1,) * 2)

    with pytest.raises(UnhealthyRoster, match=r"was rewritten while it was read .* Run this again when nobody writes"):
        fetch(str(path), rest_seconds=2.0, sleep=write_more)
