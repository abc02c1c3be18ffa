"""Python's garbage collector while many rows come by: each of its rounds would go through all that is there already."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Rows and items refer to nothing that refers to them: they go by themselves, and a round finds next to nothing.
OBJECTS_BETWEEN_ROUNDS = 20_000


@contextmanager
def only_new_garbage() -> Iterator[None]:
    """Let it pass over what is there when the block begins, such as the 200,000 objects of Dagster's definitions.

    Its rounds are rarer, too, until the block ends.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN_ROUNDS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
