"""Lineage: what a column is made of, read off queries that are built here for it."""

from typing import Any

import sqlalchemy as sa

from exec_orchestration.marts.lineage import lineage

TABLES = sa.MetaData()
SALES = sa.Table(
    "sales", TABLES, sa.Column("id", sa.Integer, primary_key=True), *(sa.Column(name, sa.Integer) for name in "abcd")
)
STAFF = sa.Table(
    "staff",
    TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("boss", sa.Integer),
    sa.Column("name", sa.Text),
)


def made_of(query: Any, *names: str) -> dict[str, set[str]]:
    """The lineage of these columns, as `table.column`."""
    target = sa.Table("target", sa.MetaData(), *(sa.Column(name, sa.Integer) for name in names))
    found = lineage(query, target=target)
    return {name: {".".join(base) for base in bases} for name, bases in found.items()}


def test_conditions_are_in_no_column() -> None:
    """A WHERE, a HAVING and a JOIN choose rows; functions, labels and cases are what a column is made of."""
    query = (
        sa.select(
            (sa.func.lower(STAFF.c.name) + "!").label("x"),
            sa.func.max(sa.case((SALES.c.a > 0, SALES.c.b), else_=0)).label("y"),
            sa.literal(1).label("z"),
        )
        .select_from(SALES.join(STAFF, STAFF.c.id == SALES.c.c))
        .where(SALES.c.d > 0)
        .group_by(STAFF.c.name)
        .having(sa.func.count(SALES.c.d) > 1)
    )
    assert made_of(query, "x", "y", "z") == {"x": {"staff.name"}, "y": {"sales.a", "sales.b"}, "z": set()}


def test_a_cte_used_twice_is_followed_on_both_ways() -> None:
    """Also under an alias, and where two of its columns have one name."""
    cells = sa.select(SALES.c.a, SALES.c.b, (SALES.c.c + SALES.c.d).label("e")).cte("cells")
    again = cells.alias("again")
    both = sa.select(cells.c.a, again.c.a, again.c.e).join_from(cells, again, cells.c.b == again.c.b).subquery()
    query = sa.select((cells.c.b - both.c.e).label("x"), both.c.a.label("y"), both.c.a_1.label("z")).select_from(
        cells.join(both, sa.true())
    )
    assert made_of(query, "x", "y", "z") == {
        "x": {"sales.b", "sales.c", "sales.d"},
        "y": {"sales.a"},
        "z": {"sales.a"},
    }


def test_a_union_is_made_of_what_stands_in_that_place_everywhere() -> None:
    """By position, not by name; a query in brackets too."""
    union = sa.union_all(
        sa.select(SALES.c.a.label("x"), SALES.c.b.label("y")),
        sa.select(STAFF.c.id, sa.null()),
        sa.select(SALES.c.c, SALES.c.d).order_by(SALES.c.id).limit(1),
    ).cte("united")
    assert made_of(sa.select(union.c.x, union.c.y), "x", "y") == {
        "x": {"sales.a", "staff.id", "sales.c"},
        "y": {"sales.b", "sales.d"},
    }


def test_a_window_has_its_order_and_its_partition() -> None:
    """A row's number depends on nothing else."""
    number = sa.func.row_number().over(partition_by=SALES.c.a, order_by=[SALES.c.b.desc(), SALES.c.c])
    assert made_of(sa.select(number.label("x")), "x") == {"x": {"sales.a", "sales.b", "sales.c"}}


def test_subqueries_in_an_expression() -> None:
    """An EXISTS is what it asks for; a scalar subquery is its column; IN is the list."""
    exists = sa.exists().where(STAFF.c.id == SALES.c.a, STAFF.c.boss > 1)
    scalar = sa.select(sa.func.max(STAFF.c.boss)).where(STAFF.c.name == "x").scalar_subquery()
    is_in = SALES.c.b.in_(sa.select(STAFF.c.name).where(STAFF.c.boss == 1))
    query = sa.select(exists.label("x"), scalar.label("y"), is_in.label("z"))
    assert made_of(query, "x", "y", "z") == {
        "x": {"staff.id", "sales.a", "staff.boss"},
        "y": {"staff.boss"},
        "z": {"sales.b", "staff.name"},
    }


def test_an_alias_of_a_table_is_the_table() -> None:
    """However it is called, the name in the database counts."""
    boss = STAFF.alias("boss")
    query = sa.select(boss.c.name.label("x")).select_from(STAFF.join(boss, STAFF.c.boss == boss.c.id))
    assert made_of(query, "x") == {"x": {"staff.name"}}


def test_a_count_of_rows_is_made_of_keys() -> None:
    """Of the tables whose rows are gone through; an outer join adds none."""
    inner = sa.select(SALES.c.a).where(SALES.c.b > 0).cte("inner")
    counted = sa.select(sa.func.count().label("x")).select_from(inner.outerjoin(STAFF, STAFF.c.id == inner.c.a))
    assert made_of(counted, "x") == {"x": {"sales.id"}}
    counted = sa.select(sa.func.count().label("x")).select_from(inner.join(STAFF, STAFF.c.id == inner.c.a))
    assert made_of(counted, "x") == {"x": {"sales.id", "staff.id"}}


def test_recursion_comes_to_an_end() -> None:
    """And finds what reaches a column only by way of another."""
    start = sa.select(SALES.c.a.label("x"), SALES.c.b.label("y"), SALES.c.c.label("z")).cte("chain", recursive=True)
    whole = start.union_all(sa.select(start.c.y, start.c.z + SALES.c.d, start.c.z).select_from(start, SALES))
    assert made_of(sa.select(whole.c.x, whole.c.z), "x", "z") == {
        "x": {"sales.a", "sales.b", "sales.c", "sales.d"},
        "z": {"sales.c"},
    }
