"""Where an asset's body stands, as the UI links to it: the file and the line of the function as it was written.

Dagster's own helper takes the file from what a decorator made of the function, and so would lead to `failures`.
"""

import inspect
import warnings

import dagster as dg
from dagster._core.definitions.decorators.op_decorator import DecoratedOpFunction


def with_code_references(*assets: dg.AssetsDefinition) -> list[dg.AssetsDefinition]:
    """The same assets, each with a link to its body."""
    with warnings.catch_warnings():
        # Dagster says of each reference that it is in beta, at every start.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return [_with_reference(asset) for asset in assets]


def _with_reference(asset: dg.AssetsDefinition) -> dg.AssetsDefinition:
    compute = asset.op.compute_fn
    assert isinstance(compute, DecoratedOpFunction)
    body = inspect.unwrap(compute.decorated_fn)
    reference = dg.LocalFileCodeReference(file_path=inspect.getfile(body), line_number=inspect.getsourcelines(body)[1])
    told = {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[reference])}
    return asset.map_asset_specs(lambda spec: spec.merge_attributes(metadata=told))
