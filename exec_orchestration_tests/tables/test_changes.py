"""`learner_lift` from what has changed equals the whole computed anew, whatever was replaced, killed or lost before."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exec_orchestration.marts.lift import learner_lift as query
from exec_orchestration.tables import changes
from exec_orchestration.tables.changes import Composed
from exec_orchestration.tables.exec_com import exec_participant_analytics as practice
from exec_orchestration.tables.ledger import changed_learners, data_versions
from exec_orchestration.tables.marts import learner_lift
from exec_orchestration.tables.purge import purge_days
from exec_orchestration.tables.warehouse import Warehouse, Window

FIRST, DAYS = date(2026, 1, 1), 5
MOMENT = datetime(2026, 2, 1, tzinfo=UTC)
LEARNERS = [(scenario, user) for scenario in "st" for user in "abcdef"]

Values = tuple[int, float | None, float | None]  # sessions, first score, best score
Day = dict[tuple[str, str], Values]


def rows_of(number: int, day: Day) -> list[tuple[Any, ...]]:
    """A day's typed rows."""
    return [
        tuple(
            {
                "partition_date": FIRST + timedelta(number),
                "scenario_id": scenario,
                "user_id": user,
                "session_count": sessions,
                "first_score": first,
                "first_rank": None if first is None else f"rank of {first} on day {number}",
                "best_score": best,
                "best_rank": None if best is None else f"rank of {best} on day {number}",
                "total_duration_seconds": 60.0 * sessions,
                "fetched_at": MOMENT,
                "run_id": "test",
            }.get(column.name)
            for column in practice.columns
        )
        for (scenario, user), (sessions, first, best) in day.items()
    ]


class Books:
    """A warehouse whose days are replaced and whose mart is brought up to date."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse

    def clear(self) -> None:
        """Begin anew, with nothing loaded and nothing known."""
        with self.warehouse.writing("clear") as connection:
            for table in (practice, learner_lift, changed_learners, data_versions):
                connection.execute(table.delete())

    def replace(self, number: int, *days: Day) -> None:
        """Make these days the content of the table from a day on."""
        window = Window(FIRST + timedelta(number), FIRST + timedelta(number + len(days) - 1))
        rows = [row for nth, day in enumerate(days) for row in rows_of(number + nth, day)]
        self.warehouse.replace_window(practice, window, rows)

    def compose(self) -> Composed:
        """Bring the mart up to date."""
        with self.warehouse.writing("compute") as connection:
            return changes.compose(connection, lambda learners: query(learners=learners))

    def held(self) -> list[tuple[Any, ...]]:
        """What the mart holds."""
        return sorted(map(tuple, self.warehouse.read(sa.select(learner_lift))))

    def whole(self) -> list[tuple[Any, ...]]:
        """What the mart would hold, were all of it computed."""
        return sorted(map(tuple, self.warehouse.read(query())))


@pytest.fixture
def books(warehouse: Warehouse) -> Books:
    """Nothing is loaded, on either engine."""
    return Books(warehouse)


@pytest.fixture
def known(books: Books, monkeypatch: pytest.MonkeyPatch) -> Books:
    """Three days of every learner, and a mart of them."""
    monkeypatch.setattr(changes, "MOST_CHANGED", 0.6)
    books.replace(0, *(dict.fromkeys(LEARNERS, (1, 40.0 + number, 50.0 + number)) for number in range(3)))
    assert str(books.compose()) == "all"
    return books


scores = st.none() | st.integers(0, 3).map(float)
days = st.dictionaries(st.sampled_from(LEARNERS), st.tuples(st.integers(0, 2), scores, scores), max_size=5)
steps = st.one_of(
    st.tuples(st.just("day"), st.integers(0, DAYS - 1), st.tuples(days)),
    st.tuples(st.just("range"), st.integers(0, DAYS - 2), st.tuples(days, days)),
    st.tuples(st.just("empty"), st.integers(0, DAYS - 1), st.just(({},))),
    st.just(("again", 0, ())),
    st.just(("compose", 0, ())),
)


@pytest.mark.parametrize("most_changed", [changes.MOST_CHANGED, 9])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.tuples(days, days, days), then=st.lists(steps, max_size=12))
def test_what_changed_gives_the_same_as_all(
    books: Books, most_changed: float, first: tuple[Day, ...], then: list[tuple[str, int, tuple[Day, ...]]]
) -> None:
    """Days that shrink, grow, empty, move their learners or come again, several between two updates or none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(changes, "MOST_CHANGED", most_changed)
        books.clear()
        books.replace(0, *first)
        books.compose()
        last: tuple[int, tuple[Day, ...]] = (0, first)
        for what, number, content in [*then, ("compose", 0, ())]:
            if what == "compose":
                assert books.compose().rows == len(books.held())
                assert books.held() == books.whole()
            else:
                last = last if what == "again" else (number, content)
                books.replace(last[0], *last[1])


def test_only_who_changed_is_computed(known: Books) -> None:
    """A day with one other score, one learner less and one more: three of all."""
    day = dict.fromkeys(LEARNERS, (1, 41.0, 51.0))
    del day["s", "a"]
    known.replace(1, {**day, ("s", "b"): (1, 41.0, 99.0), ("s", "new"): (2, None, None)})
    asked: list[list[tuple[Any, ...]]] = []

    def watched(learners: sa.FromClause | None) -> sa.Select[Any]:
        assert learners is not None
        asked.append([tuple(row) for row in connection.execute(sa.select(learners))])
        return query(learners=learners)

    with known.warehouse.writing("compute") as connection:
        composed = changes.compose(connection, watched)
    assert sorted(asked[0]) == [("s", "a"), ("s", "b"), ("s", "new")]
    assert str(composed) == "3 changed, of 13"
    assert known.held() == known.whole()


def test_the_same_rows_again_change_nobody(known: Books) -> None:
    """However often they come."""
    known.replace(1, dict.fromkeys(LEARNERS, (1, 41.0, 51.0)))
    assert known.compose().learners == 0


def test_who_vanishes_from_every_day_has_no_row(known: Books) -> None:
    """The learner is found in no day any more, only in the notes."""
    for number in range(3):
        left = {each: (1, 40.0 + number, 50.0 + number) for each in LEARNERS if each != ("t", "f")}
        known.replace(number, left)
    assert known.compose().learners == 1
    assert len(known.held()) == len(LEARNERS) - 1
    assert known.held() == known.whole()


def test_days_that_are_forgotten_leave_no_first_score_behind(known: Books) -> None:
    """A purge takes rows away without bringing any: who had them is computed anew, with everybody else."""
    before = known.held()
    assert purge_days(known.warehouse, before=FIRST + timedelta(1))[practice.name] == len(LEARNERS)
    assert str(known.compose()) == "all"
    assert known.held() == known.whole() != before


@pytest.mark.parametrize("lost", [learner_lift, data_versions])
def test_where_something_is_missing_all_is_computed(known: Books, lost: sa.Table) -> None:
    """The mart's rows, or the versions: whoever removed them."""
    with known.warehouse.writing("lose") as connection:
        connection.execute(lost.delete())
    known.replace(1, {("s", "a"): (1, 1.0, 2.0)})
    assert str(known.compose()) == "all"
    assert known.held() == known.whole()


def test_a_load_that_fails_notes_nobody(known: Books) -> None:
    """Notes and rows are written together or not at all."""
    doubled = rows_of(1, {("s", "a"): (1, 0.0, 1.0)}) * 2
    with pytest.raises(Exception, match="rolled back"):
        known.warehouse.replace_window(practice, Window(FIRST + timedelta(1), FIRST + timedelta(1)), doubled)
    assert known.compose().learners == 0


def test_an_update_that_dies_loses_no_change(known: Books) -> None:
    """After all it has done and before its commit: the next one computes the same learners."""
    known.replace(1, {})
    known.replace(2, {**dict.fromkeys(LEARNERS, (1, 42.0, 52.0)), ("s", "a"): (1, 42.0, 77.0)})
    known.replace(1, dict.fromkeys(LEARNERS, (1, 41.0, 51.0)))

    def dies() -> None:
        with known.warehouse.writing("compute") as connection:
            changes.compose(connection, lambda learners: query(learners=learners))
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            dies()
    known.compose()
    assert known.held() == known.whole()


def test_most_of_all_is_all(known: Books) -> None:
    """At the share the whole is read, under it the learners."""
    day = dict.fromkeys(LEARNERS, (1, 41.0, 51.0))
    seven, eight = ({each: (1, 41.0, 90.0) for each in LEARNERS[:count]} for count in (7, 8))
    known.replace(1, day | seven)
    assert known.compose().learners == 7
    known.replace(1, day)
    known.compose()
    known.replace(1, day | eight)
    assert known.compose().learners is None
    assert known.held() == known.whole()


def test_loads_and_updates_at_once_lose_nothing(known: Books) -> None:
    """Two that load and one that computes, each as fast as it can; the last update has every change."""

    def load(number: int) -> Callable[[int], object]:
        return lambda turn: known.replace(number, dict.fromkeys(LEARNERS[turn % 3 :: 3], (1, float(turn), 60.0 + turn)))

    acts = (load(0), load(1), lambda _: known.compose())
    with ThreadPoolExecutor(max_workers=len(acts)) as pool:
        for done in [pool.submit(lambda act=act: [act(turn) for turn in range(15)]) for act in acts]:
            done.result()
    known.compose()
    assert known.held() == known.whole()


def test_a_load_waits_for_an_update_that_is_under_way(known: Books) -> None:
    """It would note its learners under the version that is about to go, and nobody would compute them."""
    load = threading.Thread(target=known.replace, args=[1, {("s", "a"): (1, 0.0, 99.0)}])
    with known.warehouse.writing("compute") as connection:
        changes.compose(connection, lambda learners: query(learners=learners))
        load.start()
        load.join(timeout=0.5)
    load.join()
    known.compose()
    assert known.held() == known.whole()


def plan_of(warehouse: Warehouse, statement: sa.Select[Any]) -> str:
    """How the engine would go about it, where tables are large: PostgreSQL is told to shun a scan where it can."""
    text = str(statement.compile(warehouse.engine, compile_kwargs={"literal_binds": True}))
    with warehouse.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            found = connection.exec_driver_sql(f"EXPLAIN {text}")
        else:
            found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")
        return "\n".join(str(row[-1]) for row in found)


def test_history_is_not_scanned(known: Books) -> None:
    """The days of learners who have changed are found by an index, and so are their rows in the mart."""
    known.replace(1, {})
    composed = Composed(0, 1, "before", "version")
    learners = changes.computed(composed)
    assert learners is not None
    plan = plan_of(known.warehouse, query(learners=learners))
    assert "ix_exec_participant_analytics_scenario_id_user_id" in plan
    assert "SCAN exec_participant_analytics" not in plan
    assert "Seq Scan on exec_participant_analytics" not in plan
    key = sa.tuple_(learner_lift.c.scenario_id, learner_lift.c.user_id)
    plan = plan_of(known.warehouse, sa.select(learner_lift).where(key.in_(sa.select(learners))))
    assert "SCAN learner_lift" not in plan
    assert "Seq Scan on learner_lift" not in plan


def test_what_was_computed_can_be_asked_for(known: Books) -> None:
    """But for who has changed again since; of all, nobody is named."""
    day = dict.fromkeys(LEARNERS, (1, 41.0, 51.0))
    known.replace(1, {**day, ("s", "a"): (2, 1.0, 2.0), ("s", "b"): (2, 1.0, 2.0)})
    composed = known.compose()
    known.replace(1, {**day, ("s", "a"): (2, 1.0, 2.0), ("s", "b"): (3, 1.0, 2.0)})
    computed = changes.computed(composed)
    assert computed is not None
    assert [tuple(row) for row in known.warehouse.read(sa.select(computed))] == [("s", "a")]
    assert changes.computed(Composed(1, None, None, "version")) is None
