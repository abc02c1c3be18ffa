"""Which learners have changed since `learner_lift` was computed last, so that the rest of history is not read again.

A load that replaces days of `exec_participant_analytics` notes whose rows it changes, takes away or adds, in its own
transaction; `compose` computes these learners again and forgets the notes, in the transaction of their rows. The notes
bear the version of `learner_lift` that lacks the change. While it has no version nothing is noted, and all of it is
computed. What is computed is the caller's query; when, and what is told of it, is the hall's matter.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from exec_orchestration.tables import dialects, versions
from exec_orchestration.tables.exec_com import exec_participant_analytics as practice
from exec_orchestration.tables.ledger import changed_learners
from exec_orchestration.tables.marts import learner_lift

LEARNER = ("scenario_id", "user_id")
# Above this share of its rows, reading all of history in one go is the faster way.
MOST_CHANGED = 0.25

Query = Callable[[sa.FromClause | None], sa.Select[Any]]


@dataclass(frozen=True)
class Composed:
    """What became of `learner_lift`: its rows, how many learners were computed (None: all), its versions."""

    rows: int
    learners: int | None
    before: str | None
    version: str

    def __str__(self) -> str:
        return "all" if self.learners is None else f"{self.learners:,} changed, of {self.rows:,}"


def note(connection: Connection, table: sa.Table, staged: sa.Table, held: list[Any], chosen: list[Any]) -> None:
    """Note the learners whose rows in `held` are not those in `chosen` of the stage; before they are replaced.

    Other tables than that of practice have no notes.
    """
    if table is not practice:
        return
    # Whoever is computing is waited for: a note under the version that it is about to replace would be lost.
    dialects.offer(connection).keep_other_writers_out(connection, changed_learners)
    since = versions.known(connection, learner_lift.name, versions.WHOLE_TABLE)
    if since is None:
        return
    compared = [column.name for column in table.columns if _is_compared(column)]
    before = sa.select(*(table.c[name] for name in compared)).where(*held)
    now = sa.select(*(staged.c[name] for name in compared)).where(*chosen)
    differ = _differing(before, now)
    noted = sa.exists().where(_of(since), *(changed_learners.c[name] == differ.c[name] for name in LEARNER))
    new = sa.select(sa.literal(since), *differ.c).where(~noted)
    connection.execute(changed_learners.insert().from_select(["since", *LEARNER], new))


def forget(connection: Connection, table: sa.Table) -> None:
    """Let all of `learner_lift` be computed next, where rows of practice went for good; other tables do not matter."""
    if table is practice:
        dialects.offer(connection).keep_other_writers_out(connection, changed_learners)
        versions.forget(connection, learner_lift.name)


def _is_compared(column: sa.Column[Any]) -> bool:
    """JSON is compared by no engine alike, and no figure is made of it."""
    return column.name not in versions.NO_CONTENT and not isinstance(column.type, sa.JSON)


def _differing(before: sa.Select[Any], now: sa.Select[Any]) -> sa.Subquery:
    """The learners of rows that are on one side only."""
    gone, come = sa.except_(before, now).subquery("gone"), sa.except_(now, before).subquery("come")
    each = [sa.select(*(side.c[name] for name in LEARNER)) for side in (gone, come)]
    return sa.union(*each).subquery("differ")


def compose(connection: Connection, query: Query) -> Composed:
    """Bring `learner_lift` up to date: the learners that have changed, or all where that is most of them.

    `query` selects the rows of some learners, or of all where it is given None. To be called in a write transaction.
    """
    for table in (learner_lift, changed_learners):
        dialects.offer(connection).keep_other_writers_out(connection, table)
    since = versions.known(connection, learner_lift.name, versions.WHOLE_TABLE)
    rows, changed = _count(connection, learner_lift), _count(connection, changed_learners, _of(since))
    version = versions.settle(connection, learner_lift.name, versions.WHOLE_TABLE, str(uuid4()), changed=True)
    if since is None or changed >= rows * MOST_CHANGED:
        return Composed(_compute_all(connection, query), None, since, version)
    return Composed(rows + _compute(connection, query, since), changed, since, version)


def _compute_all(connection: Connection, query: Query) -> int:
    """All rows anew; how many there are."""
    connection.execute(changed_learners.delete())
    connection.execute(learner_lift.delete())
    return _insert(connection, query(None))


def _compute(connection: Connection, query: Query, since: str) -> int:
    """The rows of the learners noted under `since` anew; how many more there are than before.

    Their notes stay until the next time, so that it can be looked at what was computed.
    """
    connection.execute(changed_learners.delete().where(~_of(since)))
    learners = sa.select(*(changed_learners.c[name] for name in LEARNER)).where(_of(since))
    key = sa.tuple_(*(learner_lift.c[name] for name in LEARNER))
    gone = connection.execute(learner_lift.delete().where(key.in_(learners))).rowcount
    return _insert(connection, query(learners.subquery("learners"))) - gone


def computed(composed: Composed) -> sa.Subquery | None:
    """The learners that were computed and have not changed again; None: all."""
    if composed.learners is None:
        return None
    again = changed_learners.alias("again")
    same = [changed_learners.c[name] == again.c[name] for name in LEARNER]
    changed_again = sa.exists().where(again.c.since == composed.version, *same)
    columns = [changed_learners.c[name] for name in LEARNER]
    return sa.select(*columns).where(_of(composed.before), ~changed_again).subquery("computed")


def _insert(connection: Connection, rows: sa.Select[Any]) -> int:
    names = [column.name for column in rows.selected_columns]
    return connection.execute(learner_lift.insert().from_select(names, rows)).rowcount


def _count(connection: Connection, table: sa.Table, *chosen: sa.ColumnElement[bool]) -> int:
    return int(connection.scalar(sa.select(sa.func.count()).select_from(table).where(*chosen)) or 0)


def _of(since: str | None) -> sa.ColumnElement[bool]:
    return changed_learners.c.since == (since or "")
