"""Data versions on both engines: the name of a partition's content, in the transaction that writes it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from exec_orchestration.errors import WarehouseError
from exec_orchestration.tables.exec_com import exec_assignment_history, exec_members, exec_sessions
from exec_orchestration.tables.ledger import data_versions
from exec_orchestration.tables.warehouse import Replaced, Warehouse, Window

Make = Callable[..., tuple[Any, ...]]
D1, D2, D3 = date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3)
NOW = datetime(2026, 2, 1, 6, 0, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql", "by month"])
def warehouse_url(request: pytest.FixtureRequest, any_url: Callable[[str], str]) -> str:
    """Everything here holds where daily tables lie by month, too."""
    return any_url(request.param)


@pytest.fixture
def load(warehouse: Warehouse, row: Make) -> Callable[..., Replaced]:
    """Replaces a day's sessions by those of these ids."""

    def replaced(day: date, *ids: str, version: str, **values: Any) -> Replaced:
        with warehouse.stage(exec_sessions) as stage:
            stage.fill([row(exec_sessions, id=each, partition_date=day, **values) for each in ids])
            return stage.replace(Window(day, day), version=version)

    return replaced


def test_a_version_stays_while_the_rows_do(load: Callable[..., Replaced]) -> None:
    """Whenever and by whichever run they were fetched, in whatever order they came."""
    assert load(D1, "a", "b", version="first") == Replaced(2, "first", True)
    later = {"fetched_at": NOW + timedelta(days=1), "run_id": "another"}
    assert load(D1, "b", "a", version="second", **later) == Replaced(2, "first", False)


@pytest.mark.parametrize(
    "values",
    [
        {"score": 1.5},
        {"score": None},
        {"extra": {"a": 1}},
        {"extra": None},
        {"is_valid_attempt": False},
        {"rank": "gold"},
    ],
)
def test_a_value_is_a_change(load: Callable[..., Replaced], values: dict[str, Any]) -> None:
    """Null equals null and nothing else; JSON is compared by its text."""
    before = {"score": 2.0, "extra": {"a": 2}, "is_valid_attempt": True, "rank": None}
    load(D1, "a", "b", version="first", **before)
    assert load(D1, "a", "b", version="second", **before) == Replaced(2, "first", False)
    assert load(D1, "a", "b", version="third", **{**before, **values}) == Replaced(2, "third", True)
    assert load(D1, "a", "b", version="fourth", **{**before, **values}).version == "third"


@pytest.mark.parametrize("ids", [("a",), ("a", "b", "c"), ("a", "c"), ()])
def test_a_row_more_or_less_is_a_change(load: Callable[..., Replaced], ids: tuple[str, ...]) -> None:
    """One more, one less, another one, none."""
    load(D1, "a", "b", version="first")
    assert load(D1, *ids, version="second") == Replaced(len(ids), "second", True)


def test_an_empty_day_has_a_version(load: Callable[..., Replaced]) -> None:
    """A new one when it is loaded first, which it keeps."""
    assert load(D1, version="first").version == "first"
    assert load(D1, version="second") == Replaced(0, "first", False)


def test_days_do_not_know_each_other(load: Callable[..., Replaced]) -> None:
    """Each has its own version."""
    load(D1, "a", version="first")
    assert load(D2, "b", version="second").version == "second"
    assert load(D1, "a", version="third").version == "first"


def test_a_row_that_moves_lets_its_old_day_count_as_changed(load: Callable[..., Replaced]) -> None:
    """The old day is the same when it is loaded next, but not as it was told last."""
    load(D1, "a", "b", version="first")
    load(D2, "b", version="second")
    assert load(D1, "a", version="third").version == "third"


def test_a_transaction_that_fails_leaves_the_version(load: Callable[..., Replaced], warehouse: Warehouse) -> None:
    """Rows and version are written together or not at all."""
    load(D1, "a", version="first")
    with pytest.raises(WarehouseError):
        load(D1, "x", "x", version="second")
    assert [found.version for found in warehouse.read(sa.select(data_versions.c.version))] == ["first"]
    assert load(D1, "a", version="third").version == "first"


def test_several_days_at_once_have_no_version_to_keep(
    load: Callable[..., Replaced], warehouse: Warehouse, row: Make
) -> None:
    """What replaced them knows nothing of each, so that each counts as changed when it is loaded next."""
    load(D1, "a", version="first")
    warehouse.replace_window(exec_sessions, Window(D1, D3), [row(exec_sessions, id="a", partition_date=D1)])
    assert load(D1, "a", version="second").version == "second"


def test_a_table_without_days_has_one_version(warehouse: Warehouse, row: Make) -> None:
    """Of the whole of it."""
    for version, ids in (("first", "ab"), ("second", "ab"), ("third", "a")):
        with warehouse.stage(exec_members) as stage:
            stage.fill([row(exec_members, id=each) for each in ids])
            assert stage.replace(None, version=version).version == ("first" if version == "second" else version)


def test_a_table_of_versions_tells_when_it_changed_last(warehouse: Warehouse, row: Make) -> None:
    """The last instant at which a version began or ended; nothing where there is none."""
    columns = (exec_assignment_history.c.observed_from, exec_assignment_history.c.observed_to)
    assert warehouse.newest(*columns) is None
    begun = {"observed_from": NOW, "observed_to": NOW + timedelta(days=1)}
    warehouse.replace_window(exec_assignment_history, None, [row(exec_assignment_history, **begun)])
    assert warehouse.newest(*columns) == NOW + timedelta(days=1)
