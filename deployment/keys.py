"""
Make the key ring of a deployment, or give it a new key: ``make keys STAGE=local``.

The stack must be there, which comes with a ring; where that is lost, the first run makes one. Each other one adds a key
that follows the present one without signing anybody out; with ``COMPROMISED=1`` it replaces all keys at once, and with
them every access token. The ring is the SecureString ``/<stack>/signing-keys`` of the stage's stack;
`deployment.stages` says which that is.
"""

import os
import sys
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters.system import SystemPause
from chalicelib.domain.signing_keys import RING_MAX_AGE, RingFull
from deployment.key_ring import Change, KeyRingStore
from deployment.stages import Stage, StageError, wanted_stage


class KeysError(Exception):
    """The ring was not changed; the message says why."""


def described(change: Change) -> str:
    """Return what was done, and what happens next; never a secret."""
    new = next(key for key in change.after.keys if key.kid == change.kid)
    if change.before is None:
        return f"Made the key ring {change.parameter}: key {new.kid} signs from now on."
    if change.is_replacement:
        thrown_out = ", ".join(key.kid for key in change.before.keys)
        minutes = RING_MAX_AGE.total_seconds() / 60
        return (
            f"Replaced all keys of {change.parameter} by {new.kid}, which signs at once. Thrown out: {thrown_out}.\n"
            f"Access tokens that those signed are void in every container that has read the ring, which all have within"
            f" {minutes:.0f} minutes. To end that wait, end the containers: change a setting of the functions."
        )
    begins = f"It begins to sign at {_said(new.signs_from)}, when all have read it."
    lines = [f"Added key {new.kid} to {change.parameter}. {begins}"]
    lines += [
        f"What key {key.kid} signs until then counts until {_said(key.verifies_until)}."
        for key in change.after.keys
        if key.verifies_until is not None
    ]
    lines += [
        f"Dropped key {key.kid}, whose tokens have all expired."
        for key in change.before.keys
        if not change.after.has(key.kid)
    ]
    return "\n".join([*lines, "Nobody is signed out, and nothing else is to be done."])


def _said(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _changed(store: KeyRingStore, *, is_compromised: bool) -> Change:
    at = datetime.now(UTC)
    return store.made(at=at) or (store.replaced(at=at) if is_compromised else store.rotated(at=at))


def _require_stack(stage: Stage) -> None:
    """See to it that a stage's name that was mistyped makes no ring."""
    if not stage.stack().status():
        message = f"there is no stack {stage.stack_name}; {stage.made_by} creates it, with its key ring"
        raise KeysError(message)


def _is_compromised() -> bool:
    compromised = os.environ.get("COMPROMISED", "")
    if compromised not in {"", "1"}:
        message = f"COMPROMISED must be 1 or not set, not {compromised}"
        raise KeysError(message)
    return compromised == "1"


def main() -> int:
    """Change the ring and say how; return the exit status."""
    try:
        stage, is_compromised = wanted_stage(), _is_compromised()
        _require_stack(stage)
        store = KeyRingStore(stage.session().client("ssm"), stage.signing_keys_parameter, SystemPause())
        change = _changed(store, is_compromised=is_compromised)
    except KeyboardInterrupt:
        return 1
    except RingFull as full:
        when = "never" if full.room_at is None else _said(full.room_at)
        print(f"{full}, and room for one more at {when}; COMPROMISED=1 replaces them all", file=sys.stderr)
        return 1
    except (KeysError, StageError, ValueError, BotoCoreError, ClientError) as error:
        print(error, file=sys.stderr)
        return 1
    print(described(change))
    return 0


if __name__ == "__main__":
    sys.exit(main())
