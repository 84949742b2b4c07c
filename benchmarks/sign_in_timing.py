"""
Whether the time of an answer tells if a user exists: sign-ins as nobody against those with a wrong password.

Both go through the whole HTTP handler, with the hasher and the parameters of the deployment, in pairs that take turns
at being first. The tables are in memory: the noise of a stand-in would hide what is looked for. Fails if the two can be
told apart.
"""

import json
import os
import sys
import time
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from chalicelib.adapters.passwords import PasslibPasswordHasher
from chalicelib.ports import PasswordHasher
from tests.api.client import Api
from tests.factories import World

CONFIG = Path(__file__).resolve().parent.parent / ".chalice" / "config.json"
AUC_FROM, AUC_TO = 0.45, 0.55
MEDIANS_APART_MS = 1.0
KNOWN, UNKNOWN = "grace", "edith"
WARM_UP = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Milliseconds that refusals took."""

    unknown_user_ms: Sequence[float]
    wrong_password_ms: Sequence[float]

    @property
    def auc(self) -> float:
        """
        How likely a wrong password takes longer than an unknown user: 0.5 tells nothing, 0 or 1 everything.

        That is the Mann-Whitney statistic over the number of pairs; of two equal times each is half longer.
        """
        unknown = sorted(self.unknown_user_ms)
        shorter = sum(bisect_left(unknown, each) + bisect_right(unknown, each) for each in self.wrong_password_ms) / 2
        return shorter / (len(unknown) * len(self.wrong_password_ms))

    @property
    def medians_ms(self) -> tuple[float, float]:
        """The medians of unknown user and wrong password."""
        return median(self.unknown_user_ms), median(self.wrong_password_ms)


def deployed_hasher() -> PasslibPasswordHasher:
    """Return a hasher with the parameters that deployments begin with."""
    variables = json.loads(CONFIG.read_text())["environment_variables"]
    memory_kib, passes, lanes = (int(variables[f"PASSWORD_{name}"]) for name in ("MEMORY_KIB", "PASSES", "LANES"))
    return PasslibPasswordHasher(memory_kib=memory_kib, passes=passes, lanes=lanes)


def measured(passwords: PasswordHasher, *, pairs: int) -> Timing:
    """Sign in ``pairs`` times as nobody and as often with a wrong password."""
    enough = 10 * (pairs + WARM_UP)
    api = Api(World(passwords=passwords, sign_in_quota=enough, address_quota=enough))
    registered = api.post("/register", {"username": KNOWN, "password": "correct horse"})
    if registered.status != 201:  # noqa: PLR2004 - Created
        raise RuntimeError(registered.text)
    times: dict[str, list[float]] = {KNOWN: [], UNKNOWN: []}
    for number in range(WARM_UP + pairs):
        for username in (KNOWN, UNKNOWN) if number % 2 else (UNKNOWN, KNOWN):
            took_ms = _refused_after_ms(api, username)
            if number >= WARM_UP:
                times[username].append(took_ms)
    return Timing(unknown_user_ms=times[UNKNOWN], wrong_password_ms=times[KNOWN])


def _refused_after_ms(api: Api, username: str) -> float:
    began = time.perf_counter()
    answer = api.post("/login", {"username": username, "password": "incorrect horse"})
    took_ms = 1000 * (time.perf_counter() - began)
    if answer.status != 401:  # noqa: PLR2004 - Unauthorized
        raise RuntimeError(answer.text)
    return took_ms


def main() -> int:
    """Run as many pairs as ``PAIRS`` says; return the exit status."""
    pairs = int(os.environ.get("PAIRS", "2000"))
    timing = measured(deployed_hasher(), pairs=pairs)
    unknown_ms, wrong_ms = timing.medians_ms
    print(f"{pairs:,} pairs of refused sign-ins")
    print(f"  median for an unknown user    {unknown_ms:.3f} ms")
    print(f"  median for a wrong password   {wrong_ms:.3f} ms")
    print(f"  AUC                           {timing.auc:.3f} (0.5 tells nothing)")
    if AUC_FROM <= timing.auc <= AUC_TO and abs(unknown_ms - wrong_ms) < MEDIANS_APART_MS:
        print("\nThe time does not tell which it was.")
        return 0
    print(f"\nThe time tells: AUC must be {AUC_FROM} to {AUC_TO}, the medians less than {MEDIANS_APART_MS:g} ms apart.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
