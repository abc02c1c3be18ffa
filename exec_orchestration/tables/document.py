"""docs/tables.md, written from the declarations: `python -m exec_orchestration.tables.document [--check] FILE`."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from exec_orchestration.tables import METADATA
from exec_orchestration.tables.declare import description_of, is_daily

GROUPS = ("exec", "sparkwise", "hr", "analytics", "user_sync", "ledger")
HEAD = """# Tables

Written by `make docs` from the declarations in `exec_orchestration/tables/`; do not edit by hand. Times are instants in
UTC, shares and rates run from 0 to 1. *key* marks the primary key, *personal* a column with personal data.
"""


def document() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(line for group in GROUPS for line in _group(group))]) + "\n"


def _group(group: str) -> Iterator[str]:
    yield f"## {group}\n"
    for table in METADATA.tables.values():
        if table.info["group"] == group:
            yield from _table(table)


def _table(table: sa.Table) -> Iterator[str]:
    yield f"### `{table.name}`\n"
    yield f"{description_of(table)} {'Daily partitions.' if is_daily(table) else 'No partitions.'}\n"
    yield "| column | type | null | unit | source | meaning |"
    yield "|---|---|---|---|---|---|"
    for column in table.columns:
        marks = ["*key*"] if column.primary_key else []
        marks += ["*personal*"] if column.info.get("personal") else []
        accepted = column.info.get("accepted")
        known = f"Known values: {', '.join(f'`{value}`' for value in accepted)}." if accepted else ""
        meaning = " ".join(filter(None, [str(column.comment), known, *marks])).replace("|", "\\|")
        source = f"`{column.info['source']}`" if column.info.get("source") else ""
        null = "yes" if column.nullable else "no"
        kind = str(column.type).lower()
        yield f"| `{column.name}` | {kind} | {null} | {column.info.get('unit') or ''} | {source} | {meaning} |"
    yield ""


def main(arguments: list[str]) -> int:
    """Write the page, or compare it with the file and say what to do."""
    return written(arguments, document(), what="docs/tables.md")


def written(arguments: list[str], text: str, *, what: str) -> int:
    """Write a text that follows from the declarations into a file, or compare it with that."""
    parser = argparse.ArgumentParser(description=f"{what} from the declarations")
    parser.add_argument("file", type=Path)
    parser.add_argument("--check", action="store_true", help="only compare")
    options = parser.parse_args(arguments)
    if not options.check:
        options.file.write_text(text, encoding="utf-8")
        return 0
    if options.file.exists() and options.file.read_text(encoding="utf-8") == text:
        return 0
    print(f"{options.file} is not what the declarations generate; run `make docs`.")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
