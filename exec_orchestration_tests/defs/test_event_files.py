"""Holding a SQLite instance's files open changes what an event costs, and nothing else."""

import gc
import sqlite3
import weakref
from pathlib import Path

import dagster as dg

from exec_orchestration.defs.event_files import hold_open


class Owner:
    """Somebody who lives for a while."""


def test_the_log_stays_in_place_while_the_owner_lives(tmp_path: Path) -> None:
    """Meanwhile others write and read as ever; afterwards SQLite tidies up as it always did."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        instance.add_dynamic_partitions("days", ["1"])
        (index,) = tmp_path.rglob("index.db")
        log = index.with_name("index.db-wal")
        owner = Owner()
        hold_open(owner, instance, "no such run")
        instance.add_dynamic_partitions("days", ["2"])
        assert log.exists()
        with sqlite3.connect(index) as other:
            assert other.execute("SELECT count(*) FROM dynamic_partitions").fetchone() == (2,)
        other.close()
        del owner
        gc.collect()
        instance.add_dynamic_partitions("days", ["3"])
        assert not log.exists()
    assert not list(tmp_path.rglob("no such run*"))


def test_other_instances_have_no_such_files() -> None:
    """Of an instance in memory nothing is held for its owner."""
    owner = Owner()
    with dg.DagsterInstance.ephemeral() as instance:
        hold_open(owner, instance, "run")
    assert weakref.getweakrefcount(owner) == 0
