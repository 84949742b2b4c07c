"""Bodies of requests. The field names are the API's."""

from enum import StrEnum
from typing import Annotated

import msgspec

from chalicelib.domain.credentials import Scope
from chalicelib.domain.users import PASSWORD_MAX_CHARACTERS, PASSWORD_MIN_CHARACTERS, USERNAME_PATTERN, Role
from chalicelib.fields import EXAMPLE_REFRESH_TOKEN, described


class Credentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /login``."""

    username: Annotated[str, described("", "yourname")]
    password: Annotated[str, described("", "yourpassword", format="password")]


class NewCredentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /register``."""

    username: Annotated[str, described("Unique, whatever its case.", "yourname", pattern=f"^{USERNAME_PATTERN}$")]
    password: Annotated[
        str,
        described(
            "Any characters, but neither the username in them nor a password that many people have.",
            "yourpassword",
            format="password",
            minLength=PASSWORD_MIN_CHARACTERS,
            maxLength=PASSWORD_MAX_CHARACTERS,
        ),
    ]


class RefreshRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /token/refresh``."""

    refresh_token: Annotated[str, described("That of the last sign-in or refresh.", EXAMPLE_REFRESH_TOKEN)]


class SessionRefresh(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /dashboard/session/refresh``: an object without fields, as the token is in the cookie."""


class PasswordChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``PUT /me/password``."""

    current_password: Annotated[str, described("", "yourpassword", format="password")]
    new_password: Annotated[
        str,
        described(
            "Any characters.",
            "another fine password",
            format="password",
            minLength=PASSWORD_MIN_CHARACTERS,
            maxLength=PASSWORD_MAX_CHARACTERS,
        ),
    ]


class KeyScope(StrEnum):
    """What an API key may be good for."""

    JOBS_READ = Scope.JOBS_READ
    JOBS_WRITE = Scope.JOBS_WRITE


class ApiKeyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /api-keys``."""

    name: Annotated[
        str, msgspec.Meta(min_length=1, max_length=64, description="What you know it by.", examples=["nightly import"])
    ]
    scopes: Annotated[
        tuple[KeyScope, ...],
        msgspec.Meta(
            min_length=1, max_length=2, description="What it is good for.", examples=[["jobs:read", "jobs:write"]]
        ),
    ]
    expires_in_days: Annotated[
        int, msgspec.Meta(ge=1, le=365, description="Days until it is worth nothing.", examples=[90])
    ] = 90


class UserChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``PATCH /users/{username}``; what is left out stays as it is."""

    role: Annotated[Role, msgspec.Meta(description="What the user may do.", examples=["admin"])] | None = None
    is_disabled: (
        Annotated[bool, msgspec.Meta(description="Whether the account is of no use.", examples=[False])] | None
    ) = None


class PauseRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /admin/operations/{operation}/pause`` and ``POST /admin/users/{username}/pause``."""

    reason: (
        Annotated[
            str,
            msgspec.Meta(
                min_length=1,
                max_length=200,
                description="Why; the owners of waiting jobs are told.",
                examples=["the planet service is being repaired"],
            ),
        ]
        | None
    ) = None


ItsJob = Annotated[
    msgspec.Raw, msgspec.Meta(extra_json_schema={"anyOf": [{"$ref": "#/components/schemas/JobRequest"}, {}]})
]


class BatchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """
    Body of ``POST /jobs/batch``: each as the body of ``POST /jobs``.

    They are read one by one, so what is wrong with one refuses only that one, and here any JSON may stand.
    """

    jobs: Annotated[tuple[ItsJob, ...], msgspec.Meta(min_length=1, max_length=100)]
