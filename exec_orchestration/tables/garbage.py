"""Python's garbage collector while many rows come by: each of its rounds would go through all that is there already."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def only_new_garbage() -> Iterator[None]:
    """Let it pass over what is there when the block begins, such as the 200,000 objects of Dagster's definitions."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
