"""What people would take otherwise: dlt's `rest_api` source, tuned as its documentation advises. Runs in `.venv-dlt`.

The same pages of 100, nested objects flattened into columns, the table replaced. CSV for PostgreSQL and Parquet for
DuckDB and SQLite are its fastest ways in; larger buffers, a normalizing process a core, and files that are cut so
that both have work. One paginated resource is read page after page: `parallelized` lets several resources overlap,
not pages.
"""

import argparse
import json
import os
import tempfile
import time
from typing import Any

TUNING = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    "NORMALIZE__WORKERS": "2",
    "EXTRACT__DATA_WRITER__BUFFER_MAX_ITEMS": "20000",
    "EXTRACT__DATA_WRITER__FILE_MAX_ITEMS": "100000",
    "NORMALIZE__DATA_WRITER__BUFFER_MAX_ITEMS": "20000",
}


def source(url: str) -> dict[str, Any]:
    """The listing of assignments, in the words of `rest_api`."""
    paginator = {"type": "page_number", "base_page": 1, "total_path": "pagination.total_pages"}
    endpoint = {"path": "scenarios/assignments", "params": {"page_size": 100}, "data_selector": "data"}
    resource = {"name": "assignments", "write_disposition": "replace", "parallelized": True, "endpoint": endpoint}
    return {"client": {"base_url": url, "paginator": paginator}, "resources": [resource]}


def destination(target: str) -> tuple[Any, str]:
    """Where it loads to, and the format of its files on the way there."""
    import dlt

    if target.startswith("postgresql://"):
        return dlt.destinations.postgres(target), "csv"
    if target.startswith("sqlite://"):
        return dlt.destinations.sqlalchemy(target), "parquet"
    return dlt.destinations.duckdb(target), "parquet"


def main() -> None:
    """Load once and print rows and seconds."""
    parser = argparse.ArgumentParser(prog="bench.dlt_load")
    parser.add_argument("url")
    parser.add_argument("target", help="a URL of PostgreSQL or SQLite, or a DuckDB file")
    options = parser.parse_args()
    os.environ.update(TUNING)
    # It reads the environment when it is imported.
    import dlt
    from dlt.sources.rest_api import rest_api_source

    target, file_format = destination(options.target)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        pipeline = dlt.pipeline("bench", destination=target, dataset_name="bench", pipelines_dir=folder)
        began = time.perf_counter()
        pipeline.run(rest_api_source(source(options.url)), loader_file_format=file_format)
        seconds = time.perf_counter() - began
        with pipeline.sql_client() as client:
            ((rows,),) = client.execute_sql("SELECT count(*) FROM assignments") or ()
    print(json.dumps({"load_seconds": seconds, "rows": rows}))


if __name__ == "__main__":
    main()
