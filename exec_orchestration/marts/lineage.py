"""Lineage: which columns of which tables a mart's column is made of, read off its query. Nobody types it.

What a column is made of is its expression: arguments, cases, windows with their order and partitions, and what an
EXISTS asks for. Conditions of WHERE, HAVING and JOIN choose rows, and so does that of a CASE without ELSE; they are in
no column. A count of rows is made of the
keys of the tables whose rows it counts.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.selectable import AliasedReturnsRows, Join
from sqlalchemy.sql.visitors import iterate

Base = tuple[str, str]
Query = sa.SelectBase

ALL_OF_A_ROW = "*"


def lineage(query: sa.Select[Any], *, target: sa.Table) -> dict[str, set[Base]]:
    """For each column of `target` the (table, column)s that `query` makes it of; a constant has none."""
    whole = query.subquery()
    repeating = _repeating(query)
    return {column.name: _Walk(repeating).expression(whole.c[column.name], query) for column in target.c}


def _repeating(query: Query) -> Mapping[int, Query]:
    """What a recursive CTE as a whole is, by the id of the query that it begins with."""
    unions = [each.element for each in iterate(query) if isinstance(each, sa.CTE) and each.recursive]
    return {id(union.selects[0]): union for union in unions if isinstance(union, sa.CompoundSelect)}


class _Walk:
    """The way down from one column. A column of a subquery is entered once, so that recursion comes to an end."""

    def __init__(self, repeating: Mapping[int, Query]) -> None:
        self._repeating = repeating
        self._seen: set[tuple[sa.FromClause, str]] = set()

    def _column(self, column: sa.ColumnClause[Any]) -> set[Base]:
        """What a column of a table, a CTE or a subquery is made of."""
        source = column.table
        if isinstance(source, sa.Table):
            return {(source.name, column.name)}
        if not isinstance(source, AliasedReturnsRows) or (source, column.key) in self._seen:
            return set()
        self._seen.add((source, column.key))
        position = list(source.c.keys()).index(column.key)
        if isinstance(source.element, sa.FromClause) and not isinstance(source.element, sa.SelectBase):
            return self._column(list(source.element.c)[position])
        return self._each(self._at(position, source.element))

    def _each(self, parts: Iterable[tuple[ClauseElement, Query]]) -> set[Base]:
        return {base for part, query in parts for base in self.expression(part, query)}

    def expression(self, part: ClauseElement, query: Query) -> set[Base]:
        """What an expression in the columns of `query` is made of."""
        if isinstance(part, sa.ColumnClause):
            return _keys(query) if part.name == ALL_OF_A_ROW else self._column(part)
        if isinstance(part, sa.Exists):
            return self._each(_asked_for(part))
        if isinstance(part, sa.Case) and part.else_ is None:
            return self._each((value, query) for _, value in part.whens)
        if isinstance(part, sa.ScalarSelect):
            return self.expression(part.element, query)
        if isinstance(part, sa.SelectBase):
            count = len(part.selected_columns)
            return self._each(each for position in range(count) for each in self._at(position, part))
        return self._each((child, query) for child in part.get_children())

    def _at(self, position: int, element: Any) -> Iterator[tuple[ClauseElement, Query]]:
        """The column at a position of a query, once for each query that a union unites."""
        whole = self._repeating.get(id(element), element)
        for query in _selects(whole):
            yield list(query.selected_columns)[position], query


def _selects(query: Any) -> Iterator[sa.Select[Any]]:
    """The Selects that a query unites, or itself."""
    if isinstance(query, sa.CompoundSelect):
        for each in query.selects:
            yield from _selects(each)
    else:
        # A query of a union stands in brackets where it has an order or a limit of its own.
        yield query if isinstance(query, sa.Select) else query.element


def _asked_for(exists: sa.Exists) -> Iterator[tuple[ClauseElement, Query]]:
    """The conditions of an EXISTS: it has no other value."""
    inner: Any = exists.element
    for select in _selects(inner.element):
        if select.whereclause is not None:
            yield select.whereclause, select


def _keys(query: Query) -> set[Base]:
    """The keys of the tables whose rows a query goes through."""
    return {key for select in _selects(query) for source in select.get_final_froms() for key in _keys_of(source)}


def _keys_of(source: Any) -> set[Base]:
    """The same for one source; what an outer join adds makes no row."""
    if isinstance(source, sa.Table):
        return {(source.name, column.name) for column in source.primary_key.columns}
    if isinstance(source, Join):
        return _keys_of(source.left) | (set() if source.isouter and not source.full else _keys_of(source.right))
    if isinstance(source, AliasedReturnsRows):
        return _keys(source.element) if isinstance(source.element, sa.SelectBase) else _keys_of(source.element)
    return set()
