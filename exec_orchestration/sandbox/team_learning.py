"""One day of Sparkwise: which groups (clusters) are formed, and how each one's session will go.

Must not live here: roleplay practice, HTTP. Leads to: `form_clusters`, called once a day by `world`. A session takes
place days after its cluster is formed, so a completion exists from the session's end on.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from exec_orchestration.sandbox.cast import Account, Cast, Module, long_id, midnight


@dataclass(frozen=True)
class Cluster:
    """A group that will learn one module together. The vendor filters on `created_at` and does not show it."""

    id: str
    module: Module
    created_at: datetime
    starts_at: datetime

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=self.module.minutes)


@dataclass(frozen=True)
class Completion:
    id: str
    cluster: Cluster
    remote_user_id: str | None
    first_visited_at: datetime | None
    last_visited_at: datetime | None
    steps_visited: int
    hash: str

    @property
    def attended(self) -> bool:
        return self.first_visited_at is not None

    @property
    def minutes(self) -> int:
        if self.first_visited_at is None or self.last_visited_at is None:
            return 0
        return round((self.last_visited_at - self.first_visited_at).total_seconds() / 60)


def form_clusters(cast: Cast, day: date, rng: Random) -> tuple[list[Cluster], list[Completion]]:
    """The clusters formed on this day, and what their participants will have done when the session is over."""
    if day.weekday() >= 5 or rng.random() < 0.25:
        return [], []
    clusters = sorted((_cluster(cast, day, rng) for _ in range(rng.randrange(1, 4))), key=lambda c: c.created_at)
    completions = [
        _completion(cluster, account, rng)
        for cluster in clusters
        for account in rng.sample(cast.accounts, k=min(len(cast.accounts), rng.randrange(3, 8)))
    ]
    return clusters, completions


def _cluster(cast: Cast, day: date, rng: Random) -> Cluster:
    starts_at = midnight(day) + timedelta(days=rng.randrange(1, 15), hours=rng.randrange(8, 18))
    created_at = midnight(day) + timedelta(hours=7, seconds=rng.randrange(10 * 3600))
    return Cluster(long_id(rng), rng.choice(cast.modules), created_at, starts_at)


def _completion(cluster: Cluster, account: Account, rng: Random) -> Completion:
    identity, digest = long_id(rng), f"{rng.getrandbits(160):040x}"
    if rng.random() < 0.2:
        return Completion(identity, cluster, account.remote_id, None, None, 0, digest)
    arrived = cluster.starts_at + timedelta(seconds=rng.randrange(-180, 600))
    share = 1.0 if rng.random() < 0.6 else rng.uniform(0.1, 1)
    left = arrived + timedelta(minutes=share * (cluster.module.minutes - 10))
    steps = round(share * cluster.module.steps)
    return Completion(identity, cluster, account.remote_id, arrived, left, steps, digest)
