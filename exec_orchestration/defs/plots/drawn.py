"""Plots as metadata: where one cannot be drawn, the metadata says so, and the materialization stands all the same."""

import traceback
from collections.abc import Callable, Mapping
from logging import Logger
from pathlib import Path

import dagster as dg

from exec_orchestration.errors import ExecOrchestrationError

Plots = Mapping[str, dg.MetadataValue]


def drawn(draw: Callable[[], Plots], log: Logger) -> Plots:
    """What `draw` gives; or else why it gives nothing, which the log is warned of, too."""
    try:
        return draw()
    except Exception as error:  # noqa: BLE001 - whatever it is, no data may be lost for want of a picture
        told = f"The plots could not be drawn: {_why(error)}. The data are not concerned."
        log.warning(told)
        return {"plots": dg.MetadataValue.text(told)}


def _why(error: Exception) -> str:
    """Our own errors by their text; foreign ones by class and place alone, since their texts may hold anything."""
    if isinstance(error, ExecOrchestrationError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
