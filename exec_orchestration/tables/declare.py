"""The words in which tables are declared: a table's grain, a column's type, key, unit, source and meaning.

Nothing here reads or writes; the declarations themselves stand in the files named after their source.
A column's `source` is the dotted path of a value in the vendor's item; a column without one is given by the loader. A
table's `source` is the operation that it is read by, or where else its rows come from; its `inputs` are the tables that
it is made of.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

METADATA = sa.MetaData()

PARTITION = "partition_date"
Group = Literal["exec", "sparkwise", "hr", "analytics", "user_sync", "ledger"]
Range = tuple[float | None, float | None]
# What a personal column holds: an address, a name, an id, a JSON value or words in which persons may stand.
Personal = Literal["email", "name", "id", "json", "words"]
# Who gives out the identifier of a person.
Who = Literal["email", "employee", "exec_user", "account"]

# Between which values, both ends included, a number of a unit can lie. A unit that is not here counts something.
RANGE_OF_UNIT: dict[str, Range] = {
    "share": (0, 1),
    "percent": (0, 100),
    "points": (0, 100),
    "as reported": (None, None),
}
COUNTED: Range = (0, None)


class UtcInstant(sa.types.TypeDecorator[datetime]):
    """An instant: `timestamp with time zone` on PostgreSQL, ISO text in UTC on SQLite; always aware in Python."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def column(
    name: str,
    kind: sa.types.TypeEngine[Any],
    comment: str,
    *,
    source: str | None = None,
    key: bool = False,
    required: bool = False,
    unit: str | None = None,
    accepted: Collection[str] | None = None,
    personal: Personal | None = None,
    who: Who | None = None,
    is_mention: bool = False,
    belongs_to: str | None = None,
    refers_to: str | None = None,
    made_of: Collection[str] = (),
) -> sa.Column[Any]:
    """One column. `required` or `key` make it not null; `accepted` lists the values known of an enumeration.

    `refers_to` is the `table.column` in which its value should be found. `made_of` are the `table.column`s from which
    code computes it: a query's columns need none, they are read off the query. Its range follows from its unit.

    `who` says whose identifier it is: the row is that person's, unless the column `is_mention` of somebody else.
    `belongs_to` is the `table.column` whose person the row is about where it names none itself.
    """
    info = {
        "source": source,
        "unit": unit,
        "accepted": tuple(accepted) if accepted else None,
        "personal": personal,
        "who": who or ("email" if personal == "email" else None),
        "is_mention": is_mention,
        "belongs_to": belongs_to,
        "refers_to": refers_to,
        "made_of": tuple(made_of),
        "range": RANGE_OF_UNIT.get(unit, COUNTED) if unit else None,
    }
    return sa.Column(name, kind, primary_key=key, nullable=not (key or required), comment=comment, info=info)


def text(name: str, comment: str, **more: Any) -> sa.Column[Any]:
    """A string."""
    return column(name, sa.Text(), comment, **more)


def integer(name: str, comment: str, **more: Any) -> sa.Column[Any]:
    """A whole number of 64 bits."""
    return column(name, sa.BigInteger(), comment, **more)


def number(name: str, comment: str, **more: Any) -> sa.Column[Any]:
    """A finite floating-point number of 64 bits."""
    return column(name, sa.Double(), comment, **more)


def boolean(name: str, comment: str, **more: Any) -> sa.Column[Any]:
    """True or false."""
    return column(name, sa.Boolean(), comment, **more)


def instant(name: str, comment: str, **more: Any) -> sa.Column[Any]:
    """A moment, in UTC."""
    return column(name, UtcInstant(), comment, **more)


def day(name: str, comment: str, **more: Any) -> sa.Column[Any]:
    """A calendar day."""
    return column(name, sa.Date(), comment, **more)


def json_text(name: str, comment: str, **more: Any) -> sa.Column[Any]:
    """A JSON value, null where there is none; a required one may be JSON's own null."""
    return column(name, sa.JSON(none_as_null=not more.get("required")), comment, **more)


def partition_date(meaning: str, *, key: bool = True) -> sa.Column[Any]:
    """The partition's day, part of the key unless an id alone is the key."""
    return day(PARTITION, f"The partition: {meaning}, as a day in PARTITIONS_TIMEZONE.", key=key, required=True)


def raw_table(name: str, comment: str, *columns: sa.Column[Any], group: Group, source: str) -> sa.Table:
    """A table that holds a vendor's rows: its own columns, then what every raw row carries."""
    every = (
        json_text("extra", "Fields that the vendor sent and this declaration does not know, by their path."),
        instant("fetched_at", "When the listing that brought this row was begun (UTC).", required=True),
        text("run_id", "The Dagster run that brought this row.", required=True),
    )
    return table(name, comment, *columns, *every, group=group, source=source)


def table(
    name: str,
    comment: str,
    *columns: sa.Column[Any],
    group: Group,
    source: str | None = None,
    inputs: Sequence[str] = (),
) -> sa.Table:
    """A table; daily when it has a `partition_date`, which is indexed unless it leads the key."""
    info = {"group": group, "source": source, "inputs": tuple(inputs)}
    made = sa.Table(name, METADATA, *columns, comment=comment, info=info)
    if is_daily(made) and not made.c[PARTITION].primary_key:
        indexed(made, PARTITION)
    return made


def indexed(table: sa.Table, *columns: str) -> None:
    """An index besides that of the key."""
    sa.Index("_".join(["ix", table.name, *columns]), *(table.c[each] for each in columns))


def is_raw(table: sa.Table) -> bool:
    """True for a table of a vendor's rows."""
    return "extra" in table.c


def description_of(table: sa.Table) -> str:
    """A table's grain, and where its rows come from, in Markdown."""
    source, inputs = table.info["source"], ", ".join(f"`{name}`" for name in table.info["inputs"])
    told = [f"Source: {source}." if source else "", f"Made of {inputs}." if inputs else ""]
    return " ".join([str(table.comment), *filter(None, told)])


def holds_persons(column: sa.Column[Any]) -> bool:
    """True for a column in which a person may stand: one that is personal, and what nobody has declared."""
    return bool(column.info.get("personal")) or column.name == "extra"


def has_personal_data(table: sa.Table) -> bool:
    """True where a column is about a person."""
    return any(column.info.get("personal") for column in table.columns)


def is_daily(table: sa.Table) -> bool:
    """True for a table of daily partitions."""
    return PARTITION in table.c and table.info["group"] != "ledger"
