"""Makes ``docs/security.md`` of a template, the settings, the catalogue and the tests that hold it."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from string import Template

from chalicelib.adapters.common_passwords import LIST
from chalicelib.adapters.webhook_sender import ATTEMPT_TIMEOUT
from chalicelib.api.call import Access
from chalicelib.api.routes import ENDPOINTS
from chalicelib.domain.credentials import FAMILY_BYTES, GRACE, SECRET_BYTES
from chalicelib.domain.errors import SignInTooOld
from chalicelib.domain.schedules import SCHEDULES_MAX
from chalicelib.domain.signing_keys import ALGORITHM, RING_MAX_AGE
from chalicelib.domain.signing_keys import KEYS_MAX as RING_KEYS_MAX
from chalicelib.domain.users import (
    ADDRESSES_KNOWN_MAX,
    CONTEXT_WORDS,
    PASSWORD_MAX_CHARACTERS,
    PASSWORD_MIN_CHARACTERS,
)
from chalicelib.domain.webhooks import SLOTS, WEBHOOKS_MAX
from chalicelib.services.api_keys import KEYS_MAX
from chalicelib.services.authentication import RECENT, REMEMBERED_FOR
from chalicelib.services.waiting import WAIT_MAX
from tests.asvs.catalogue import Requirement, chapters
from tests.asvs.markers import Holders
from tests.aws import PROJECT
from tests.deployment import CONFIG

FILE = PROJECT / "docs" / "security.md"
TEMPLATE = Path(__file__).with_name("security.md.template")
WHO = {Access.ANYONE: "anybody", Access.ADMIN: "administrators"}
"""Who may call, where it is not every user."""


def said(length: timedelta) -> str:
    """A length of time, as people say it."""
    minutes, seconds = divmod(length // timedelta(seconds=1), 60)
    return f"{minutes} minutes" if not seconds else f"{seconds + 60 * minutes} seconds"


def access() -> str:
    """The table of all public calls: who may make each, by which scope of an API key, against which limit."""
    rows = ["| Call | Who | Scope of an API key | Limit |", "|---|---|---|---|"]
    for endpoint in ENDPOINTS:
        if endpoint.is_public:
            recent = " *" if SignInTooOld in endpoint.refusals else ""
            scope = endpoint.access.scope if endpoint.access in {Access.READ, Access.SUBMIT} else "none"
            limit = "submit" if endpoint.access is Access.SUBMIT else "read"
            who = WHO.get(endpoint.access, "user")
            if endpoint.access is Access.ANYONE:
                scope, limit = "", "its own" if endpoint.path in {"/register", "/login"} else "none"
            rows.append(f"| `{endpoint.method} {endpoint.path}`{recent} | {who} | {scope} | {limit} |")
    return "\n".join(rows)


CONSTANTS = {
    "ADDRESSES_KNOWN_MAX": ADDRESSES_KNOWN_MAX,
    "ALGORITHM": ALGORITHM,
    "ATTEMPT_TIMEOUT": said(ATTEMPT_TIMEOUT),
    "COMMON_PASSWORDS": len(LIST.read_text(encoding="utf-8").splitlines()),
    "CONTEXT_WORDS": ", ".join(f"`{word}`" for word in CONTEXT_WORDS),
    "ENDPOINTS": access(),
    "GRACE": said(GRACE),
    "KEYS_MAX": KEYS_MAX,
    "PASSWORD_MAX_CHARACTERS": PASSWORD_MAX_CHARACTERS,
    "PASSWORD_MIN_CHARACTERS": PASSWORD_MIN_CHARACTERS,
    "RECENT": said(RECENT),
    "REFRESH_BITS": (FAMILY_BYTES + SECRET_BYTES) * 8,
    "REMEMBERED_FOR": said(REMEMBERED_FOR),
    "RING_KEYS_MAX": RING_KEYS_MAX,
    "RING_MAX_AGE": said(RING_MAX_AGE),
    "SCHEDULES_MAX": SCHEDULES_MAX,
    "SECRET_BITS": SECRET_BYTES * 8,
    "SLOTS": SLOTS,
    "WAIT_MAX": said(WAIT_MAX),
    "WEBHOOKS_MAX": WEBHOOKS_MAX,
}
"""What the template may name besides the settings of ``.chalice/config.json``."""


def numbers(settings: Mapping[str, str]) -> dict[str, str]:
    """All that the template may name, and the time of an access token in minutes."""
    token = said(timedelta(seconds=int(settings["ACCESS_TOKEN_TTL_S"])))
    return {**settings, **{name: str(value) for name, value in CONSTANTS.items()}, "ACCESS_TOKEN_TTL": token}


def page(held: Holders, settings: Mapping[str, str] = CONFIG["environment_variables"]) -> str:
    """
    Return the page.

    Raises:
        KeyError: The template names a setting or a constant that there is not.
    """
    text = Template(TEMPLATE.read_text()).substitute(numbers(settings))
    return f"{text}\n{tables(held)}"


def tables(held: Holders) -> str:
    """Every requirement once: with the tests that hold it, or with the reason why none does."""
    return "\n".join([*_held(held), *_reasons("not_met"), *_reasons("not_applicable")])


def _held(held: Holders) -> Iterable[str]:
    yield "## What tests hold"
    for chapter in chapters():
        rows = [each for each in chapter.requirements if each.is_to_be_held]
        if rows:
            yield from ("", f"### {chapter.number} {chapter.name}", "", "| ASVS | Level | Requirement | Held by |")
            yield "|---|---|---|---|"
            for each in rows:
                tests = "<br>".join(f"`{test.removeprefix('tests/')}`" for test in held.get(each.number, []))
                yield f"| {each.number} | {each.level} | {each.text} | {tests or '**no test**'} |"
    yield ""


def _reasons(why: str) -> Iterable[str]:
    title = {"not_met": "Not met, or not tested here", "not_applicable": "Not applicable"}[why]
    yield from (f"## {title}", "", "| ASVS | Level | Requirement | Why |", "|---|---|---|---|")
    for chapter in chapters():
        for each in chapter.requirements:
            if reason := getattr(each, why):
                yield f"| {each.number} | {each.level} | {each.text} | {reason} |"
    yield ""


def without_test(held: Holders) -> list[Requirement]:
    """The requirements that a test must hold and none does."""
    return [
        each
        for chapter in chapters()
        for each in chapter.requirements
        if each.is_to_be_held and each.number not in held
    ]
