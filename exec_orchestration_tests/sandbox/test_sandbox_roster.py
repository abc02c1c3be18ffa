"""HR's roster of the made-up company: who stands in it and how, and what a month of HR's work changes."""

import csv
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from exec_orchestration.sandbox.cast import Cast, Person, build_cast, midnight
from exec_orchestration.sandbox.roster import RosterRow, main, roster_csv, roster_rows, write_roster

ROOT = Path(__file__).parents[2]
START, AS_OF = date(2026, 1, 1), date(2026, 11, 21)
DAY = timedelta(days=1)
HEADER = "employee_id,email,first_name,last_name,status,start_date,end_date,department,manager_id,location"


@pytest.fixture(scope="module")
def cast() -> Cast:
    return build_cast(7, start=START, people=120)


@pytest.fixture(scope="module")
def first(cast: Cast) -> dict[str, RosterRow]:
    return by_id(roster_rows(cast, AS_OF))


@pytest.fixture(scope="module")
def second(cast: Cast) -> dict[str, RosterRow]:
    return by_id(roster_rows(cast, AS_OF, edition=2))


def by_id(rows: list[RosterRow]) -> dict[str, RosterRow]:
    found = {row.employee_id: row for row in rows}
    assert len(found) == len(rows)
    return found


def active_accounts(cast: Cast) -> set[str | None]:
    return {account.remote_id for account in cast.accounts if account.active}


def only(cast: Cast, **changes: object) -> Cast:
    """The company with its 40th employee changed; nobody chooses that one for anything else."""
    changed: Person = replace(cast.people[39], **changes)  # type: ignore[arg-type]
    return replace(cast, people=(*cast.people[:39], changed, *cast.people[40:]))


@pytest.mark.parametrize(
    ("left_on", "status", "end_date"),
    [
        (None, "active", None),
        (AS_OF + 31 * DAY, "active", None),
        (AS_OF + 30 * DAY, "active", AS_OF + 29 * DAY),
        (AS_OF + DAY, "active", AS_OF),
        (AS_OF, "terminated", AS_OF - DAY),
        (AS_OF - 30 * DAY, "terminated", AS_OF - 31 * DAY),
        (AS_OF - 31 * DAY, None, None),
    ],
)
def test_who_leaves(cast: Cast, left_on: date | None, status: str | None, end_date: date | None) -> None:
    """A leaver is active up to the last day, terminated for a month, then absent; the end date is that last day."""
    row = by_id(roster_rows(only(cast, left_on=left_on), AS_OF)).get("E0040")
    assert (row and row.status, row and row.end_date) == (status, end_date)


@pytest.mark.parametrize(
    ("joined_on", "status"),
    [(AS_OF, "active"), (AS_OF + DAY, "prehire"), (AS_OF + 14 * DAY, "prehire"), (AS_OF + 15 * DAY, None)],
)
def test_who_joins(cast: Cast, joined_on: date, status: str | None) -> None:
    """A joiner stands there as prehire from two weeks before the first day on."""
    changed = only(cast, joined_at=midnight(joined_on) + timedelta(hours=8), left_on=None)
    row = by_id(roster_rows(changed, AS_OF)).get("E0040")
    assert (row and row.status) == status
    assert row is None or row.start_date == joined_on


def test_who_never_came_is_absent(cast: Cast) -> None:
    """Somebody whose leaving lies before the joining was never employed."""
    never = only(cast, joined_at=midnight(AS_OF - DAY), left_on=AS_OF - DAY)
    assert "E0040" not in by_id(roster_rows(never, AS_OF))


def test_the_first_edition_has_everybody_employed(cast: Cast, first: dict[str, RosterRow]) -> None:
    """Everybody whose employment covers the day, no system user, with the world's names and addresses."""
    employed = {p.employee_id: p for p in cast.people if p.employee_id and p.is_member_at(midnight(AS_OF + DAY))}
    assert set(first) == set(employed)
    for key, row in first.items():
        person = employed[key]
        assert (row.email, row.first_name, row.last_name) == (person.email, person.first_name, person.last_name)
        assert (row.department, row.start_date) == (person.department, person.joined_at.date())
        assert row.location


def test_the_first_edition_has_leavers_with_accounts(cast: Cast, first: dict[str, RosterRow]) -> None:
    """At least two terminated people have an active account, so a sync has somebody to deactivate; two are away."""
    terminated = [row for row in first.values() if row.status == "terminated"]
    assert len([row for row in terminated if row.employee_id in active_accounts(cast)]) >= 2
    assert all(row.end_date and AS_OF - 30 * DAY <= row.end_date < AS_OF for row in terminated)
    assert Counter(row.status for row in first.values())["leave"] == 2


def test_the_second_edition_is_a_month_of_work(
    cast: Cast, first: dict[str, RosterRow], second: dict[str, RosterRow]
) -> None:
    """Three names, one department, two leavers, a rehire are changed; two rows are gone; three are new."""
    changed = {key: (first[key], row) for key, row in second.items() if key in first and row != first[key]}
    renamed = [key for key, (old, new) in changed.items() if replace(new, last_name=old.last_name) == old]
    moved = [key for key, (old, new) in changed.items() if replace(new, department=old.department) == old]
    left = [key for key, (old, new) in changed.items() if (old.status, new.status) == ("active", "terminated")]
    gone = sorted(set(first) - set(second))
    rehired = [key for key, (old, new) in changed.items() if (old.status, new.status) == ("terminated", "active")]
    assert [len(part) for part in (renamed, moved, left, gone, rehired)] == [3, 1, 2, 2, 1]
    assert len(changed) == 7
    assert sorted(set(second) - set(first)) == ["E9001", "E9002", "E9003"]
    assert second[moved[0]].department not in {row.department for row in first.values()}
    assert {*renamed, *left, *gone, *rehired} <= active_accounts(cast)
    assert all((end := second[key].end_date) and second[key].start_date < end < AS_OF for key in left)
    assert all(first[key].status == "active" for key in gone)


def test_the_first_leaver_with_an_account_is_rehired(
    cast: Cast, first: dict[str, RosterRow], second: dict[str, RosterRow]
) -> None:
    """Active again, with a start after the old end, and no end."""
    accounts = {account.remote_id for account in cast.accounts}
    old = next(row for row in first.values() if row.status == "terminated" and row.employee_id in accounts)
    new = second[old.employee_id]
    assert new == replace(old, status="active", start_date=new.start_date, end_date=None)
    assert old.end_date is not None
    assert old.end_date < new.start_date <= AS_OF


@pytest.mark.parametrize("edition", [1, 2])
@pytest.mark.parametrize("seed", [7, 8])
@pytest.mark.parametrize("as_of", [START, date(2026, 3, 2), date(2026, 7, 1), AS_OF])
def test_every_roster_is_sound(seed: int, as_of: date, edition: int) -> None:
    """Known statuses, unique ids and addresses, dates in order, and managers who are active employees."""
    rows = roster_rows(build_cast(seed, start=START, people=120), as_of, edition=edition)
    found = by_id(rows)
    assert {row.status for row in rows} <= {"active", "leave", "prehire", "terminated"}
    assert len({row.email.casefold() for row in rows}) == len(rows)
    assert all(row.end_date is None or row.start_date <= row.end_date for row in rows)
    assert all((row.start_date > as_of) == (row.status == "prehire") for row in rows)
    assert all(row.end_date is None or (row.end_date < as_of) == (row.status == "terminated") for row in rows)
    assert all(row.end_date for row in rows if row.status == "terminated")
    assert [row.manager_id for row in rows].count("") == 1
    managers = {row.manager_id for row in rows} - {""}
    assert all(found[manager].status == "active" for manager in managers)
    assert all(row.manager_id != row.employee_id for row in rows)


def test_a_world_in_its_first_months_has_joiners_to_come() -> None:
    """With the right day, prehires stand in the roster too."""
    rows = roster_rows(build_cast(7, start=START, people=120), date(2026, 3, 10))
    assert Counter(row.status for row in rows)["prehire"] >= 2


def test_a_big_company_has_its_own_new_numbers() -> None:
    """Joiners never take the id of somebody else."""
    cast = build_cast(7, start=START, people=9_500)
    first, second = by_id(roster_rows(cast, AS_OF)), by_id(roster_rows(cast, AS_OF, edition=2))
    assert len(set(second) - set(first)) == 3


def test_a_tiny_company_has_one_edition() -> None:
    """Three people make a roster; for the second edition there are too few, which is said in words."""
    cast = build_cast(7, start=START, people=3)
    assert {row.employee_id for row in roster_rows(cast, AS_OF)} == {"E0001", "E0002", "E0003"}
    with pytest.raises(ValueError, match="needs 8 people with an active account"):
        roster_rows(cast, AS_OF, edition=2)


def test_other_editions_do_not_exist(cast: Cast) -> None:
    """There are two."""
    with pytest.raises(ValueError, match="editions 1 and 2, not 3"):
        roster_rows(cast, AS_OF, edition=3)


def test_the_file_is_plain_csv(cast: Cast, first: dict[str, RosterRow]) -> None:
    """UTF-8 with a header, ISO dates, and an empty cell for what is not known."""
    text = roster_csv(first.values())
    assert text.splitlines()[0] == HEADER
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == len(first)
    for row in rows:
        known = first[row["employee_id"]]
        assert row["last_name"] == known.last_name
        assert date.fromisoformat(row["start_date"]) == known.start_date
        assert row["end_date"] == (known.end_date.isoformat() if known.end_date else "")


def test_a_file_is_replaced_at_one_stroke(tmp_path: Path, first: dict[str, RosterRow]) -> None:
    """The new file takes the old one's place, folders are made, nothing else is left behind."""
    path = tmp_path / "hr" / "roster.csv"
    rows = list(first.values())
    write_roster(path, rows[:5])
    with path.open(encoding="utf-8") as old:
        write_roster(path, rows)
        assert old.read() == roster_csv(rows[:5])
    assert path.read_text(encoding="utf-8") == roster_csv(rows)
    assert [one.name for one in path.parent.iterdir()] == ["roster.csv"]


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, first: dict[str, RosterRow]) -> None:
    """A failure on the way is an error, and nobody finds half a roster."""
    path = tmp_path / "roster.csv"
    write_roster(path, first.values())
    broken = replace(next(iter(first.values())), last_name="\ud800")
    with pytest.raises(UnicodeEncodeError):
        write_roster(path, [broken])
    assert path.read_text(encoding="utf-8") == roster_csv(first.values())
    assert [one.name for one in tmp_path.iterdir()] == ["roster.csv"]


def test_the_command_writes_an_edition(tmp_path: Path, cast: Cast) -> None:
    """The options name the world and the edition; the file is that of the day after the world's last."""
    path = tmp_path / "roster.csv"
    command = (sys.executable, "-m", "exec_orchestration.sandbox.roster", "--out", str(path), "--until", "2026-11-20")
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, timeout=30, check=True)
    assert path.read_text(encoding="utf-8") == roster_csv(roster_rows(cast, AS_OF))
    assert "118 people, edition 1" in done.stdout
    main(["--out", str(path), "--until", "2026-11-20", "--edition", "2"])
    assert path.read_text(encoding="utf-8") == roster_csv(roster_rows(cast, AS_OF, edition=2))
    main(["--out", str(path), "--seed", "8", "--start", "2026-02-01", "--until", "2026-03-01", "--people", "30"])
    other = build_cast(8, start=date(2026, 2, 1), people=30)
    assert path.read_text(encoding="utf-8") == roster_csv(roster_rows(other, date(2026, 3, 2)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--until", "2025-12-31"], "is before --start"),
        (["--people", "0"], "at least 1"),
        (["--edition", "3"], "invalid choice"),
    ],
)
def test_wrong_options_are_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    """The command ends before it writes, and says why."""
    with pytest.raises(SystemExit) as ended:
        main(["--out", str(tmp_path / "roster.csv"), *options])
    assert ended.value.code == 2
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
