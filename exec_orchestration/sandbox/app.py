"""Both twins behind one server on loopback, and the switches that tests use (`/_sandbox/...`).

Must not live here: what the twins answer. Leads to: `create_app` in process, `serve` and `main` over a real socket:
`python -m exec_orchestration.sandbox.app --port 0`.
"""

import argparse
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from types import FrameType

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from exec_orchestration.sandbox import exec_com, sparkwise
from exec_orchestration.sandbox.accounts import Accounts, TrustedDomains
from exec_orchestration.sandbox.cast import Account, midnight
from exec_orchestration.sandbox.clock import MovableClock
from exec_orchestration.sandbox.desk import Desk, not_found
from exec_orchestration.sandbox.faults import Faults
from exec_orchestration.sandbox.limits import NO_LIMITS, Limits, RateLimiter
from exec_orchestration.sandbox.options import add_limit_options, add_world_options, limits_from, read_options
from exec_orchestration.sandbox.request_log import RequestLog
from exec_orchestration.sandbox.switches import switches
from exec_orchestration.sandbox.world import World, build_world

EXEC_KEY = "exec_live_" + "SandboxKeyThatOpensNothingAnywhere000001"
SPARKWISE_KEY = "sparkwise-sandbox-key-that-opens-nothing"
LOOPBACK = "127.0.0.1"
ANY_METHOD = ("GET", "POST", "PUT", "PATCH", "DELETE")


def create_app(
    world: World,
    *,
    faults: Faults | None = None,
    limits: Limits = NO_LIMITS,
    clock: Callable[[], float] = time.time,
    today: Callable[[], date] | None = None,
    nested_members: bool = False,
    trusted_domains: frozenset[str] | None = None,
    strict_deactivation: bool = False,
    accounts: Sequence[Account] | None = None,
    log: RequestLog | None = None,
) -> Starlette:
    """Both vendors over one world.

    The twins answer as of the first instant of `today`, by default the day after the world's last. `limits` are those
    of Exec and follow `clock` (epoch seconds), which tests can move ahead; Sparkwise publishes none. Sparkwise starts
    with `accounts`, by default the world's; users that a client changes change in this app only, never in the world.
    With `trusted_domains` it refuses to write users of other domains, with `strict_deactivation` to deactivate
    inactive ones.
    """
    faults, log = faults or Faults(), log or RequestLog()

    def now() -> datetime:
        return midnight(today() if today else world.until + timedelta(days=1))

    users = Accounts(
        world.cast.accounts if accounts is None else accounts,
        trusted=_trusted(world, trusted_domains),
        strict_deactivation=strict_deactivation,
    )
    exec_twin = exec_com.ExecTwin(world, EXEC_KEY, now, nested_members)
    sparkwise_twin = sparkwise.SparkwiseTwin(world, users, SPARKWISE_KEY, now)
    movable = MovableClock(clock)
    limiter = RateLimiter(limits, movable)
    exec_desk = Desk(exec_twin, limiter, faults, log)
    sparkwise_desk = Desk(sparkwise_twin, RateLimiter(NO_LIMITS, movable), faults, log)
    return Starlette(
        routes=[
            Mount(exec_com.BASE, routes=_routes(exec_desk)),
            Mount(sparkwise.BASE, routes=_routes(sparkwise_desk)),
            Mount("/_sandbox", routes=switches(faults, log, users, movable, limiter)),
        ],
        exception_handlers={404: _strays({exec_com.BASE: exec_desk, sparkwise.BASE: sparkwise_desk})},
    )


def _trusted(world: World, domains: frozenset[str] | None) -> TrustedDomains | None:
    if domains is None:
        return None
    emails = {person.employee_id: person.email for person in world.cast.people if person.employee_id}
    return TrustedDomains(frozenset(domain.casefold() for domain in domains), emails)


def _routes(desk: Desk) -> list[Route]:
    known = [Route(path, desk.endpoint(handler), methods=[method]) for method, path, handler in desk.vendor.routes()]
    return [*known, Route("/{rest:path}", desk.endpoint(not_found), methods=ANY_METHOD)]


def _strays(desks: Mapping[str, Desk]) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Answers paths that no route fits, as one with a line break, in the words of the vendor whose they are."""

    async def answer(request: Request, _: Exception) -> Response:
        for base, desk in desks.items():
            if request.url.path.startswith(f"{base}/"):
                return await desk.endpoint(not_found)(request)
        return Response("Not Found", status_code=404)

    return answer


def serve(
    world: World,
    *,
    port: int,
    host: str = LOOPBACK,
    faults: Faults | None = None,
    limits: Limits = NO_LIMITS,
    nested_members: bool = False,
    trusted_domains: frozenset[str] | None = None,
    strict_deactivation: bool = False,
    on_ready: Callable[[int], None] = lambda port: None,
) -> None:
    """Serve until SIGTERM or SIGINT; port 0 takes a free one. `on_ready` gets the port once requests are answered."""
    if host != LOOPBACK:
        raise ValueError(f"the sandbox listens on {LOOPBACK} only, not on {host!r}")
    app = create_app(
        world,
        faults=faults,
        limits=limits,
        nested_members=nested_members,
        trusted_domains=trusted_domains,
        strict_deactivation=strict_deactivation,
    )
    with socket.create_server((LOOPBACK, port), reuse_port=False) as listener:
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, lifespan="off", ws="none", timeout_graceful_shutdown=2
        )
        _Server(config, lambda: on_ready(listener.getsockname()[1])).run(sockets=[listener])


class _Server(uvicorn.Server):
    """A server that says when it is ready."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._on_ready()


def main(argv: Sequence[str] | None = None) -> None:
    """Serve a fresh world, and print the settings that lead to it."""
    options = _options(argv)
    # uvicorn shuts down in good order and then raises the signal again: that must not look like a crash
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    serve(
        build_world(options.seed, start=options.start, until=options.until, people=options.people),
        port=options.port,
        limits=limits_from(options),
        nested_members=options.nested_members,
        trusted_domains=options.trusted_domains,
        strict_deactivation=options.strict_deactivation,
        on_ready=_announce,
    )


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="sandbox", description="Both vendors' REST APIs on loopback, over a made-up world"
    )
    parser.add_argument("--port", type=int, default=0, help="0 = a free one (default)")
    add_world_options(parser)
    add_limit_options(parser)
    parser.add_argument("--nested-members", action="store_true", help="nest the person of a member under user")
    parser.add_argument("--trusted-domains", type=_domains, help="a.com,b.com: Sparkwise refuses users of others")
    parser.add_argument("--strict-deactivation", action="store_true", help="Sparkwise deactivates nobody twice")
    return read_options(parser, argv)


def _domains(text: str) -> frozenset[str] | None:
    return frozenset(word.strip() for word in text.split(",") if word.strip()) or None


def _announce(port: int) -> None:
    print(f"EXEC_API_URL=http://{LOOPBACK}:{port}{exec_com.BASE}")
    print(f"EXEC_API_KEY={EXEC_KEY}")
    print(f"SPARKWISE_API_URL=http://{LOOPBACK}:{port}{sparkwise.BASE}")
    print(f"SPARKWISE_API_KEY={SPARKWISE_KEY}")
    print("ready", flush=True)


def _leave(signum: int, frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    main()
