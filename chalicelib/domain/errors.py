"""
Every error of the product, by who must act.

::

    JobBackendError
    ├── RequestRefused            the caller changes the request
    │   ├── MalformedBody         the body is not JSON
    │   ├── InvalidInput          a field is wrong; says which and how
    │   ├── InputTooLarge         the job's data is over the limit
    │   ├── NotAuthenticated      no token, or one that does not hold
    │   ├── SignInTooOld          the sign-in is too long ago for this
    │   ├── NotPermitted          known, but not allowed to do this
    │   ├── NotFound              not there, or not the caller's
    │   ├── Expired               was the caller's, and its retention is over
    │   ├── Conflict              the name is taken, or the job's status does not allow it
    │   ├── IdempotencyKeyReused  the key was given to another request
    │   └── RateLimited           wait ``retry_after_s``
    ├── ConcurrentUpdate          the row moved on; look at ``current`` and decide again
    ├── Unavailable               a store or queue is away; try later
    ├── JobFailed                 the operation refuses its input; the attempt counts
    ├── AttemptFailed             an attempt ended without a result; ``is_final`` says whether to try again
    └── AttemptCancelled          the job was cancelled while its attempt ran; there is nothing to write
"""

from chalicelib.domain.rate_limits import Standing


class JobBackendError(Exception):
    """
    Root of the product's errors.

    ``code`` is stable and machine-readable; the message tells a person what to change.
    """

    code = "ERROR"


class RequestRefused(JobBackendError):
    """The caller has to change the request."""

    code = "REQUEST_REFUSED"


class MalformedBody(RequestRefused):
    """The body is not JSON."""

    code = "MALFORMED_BODY"


class InvalidInput(RequestRefused):
    """
    One value of the request is wrong.

    ``pointer`` is its JSON Pointer as a URI fragment (RFC 6901 section 6), ``#`` for the whole body.
    """

    code = "INVALID_INPUT"

    def __init__(self, detail: str, *, pointer: str = "#") -> None:
        super().__init__(detail)
        self.pointer = pointer


class InputTooLarge(RequestRefused):
    """The request or the job's data is over its size limit."""

    code = "INPUT_TOO_LARGE"


class NotAuthenticated(RequestRefused):
    """The credentials or the token do not hold."""

    code = "NOT_AUTHENTICATED"


class SignInTooOld(NotAuthenticated):
    """The session holds, but its sign-in is more than ``max_age_s`` ago; signing in again helps."""

    code = "SIGN_IN_TOO_OLD"

    def __init__(self, detail: str, *, max_age_s: int) -> None:
        super().__init__(detail)
        self.max_age_s = max_age_s


class NotPermitted(RequestRefused):
    """
    The caller is known, and may not do this.

    ``scope`` is what the credential would need, ``None`` when no other credential of the same user has it.
    """

    code = "NOT_PERMITTED"

    def __init__(self, detail: str, *, scope: str | None = None) -> None:
        super().__init__(detail)
        self.scope = scope


class NotFound(RequestRefused):
    """What was asked for does not exist, or is not the caller's: the two look the same."""

    code = "NOT_FOUND"


class Expired(RequestRefused):
    """What was asked for was there, and is kept no longer."""

    code = "EXPIRED"


class Conflict(RequestRefused):
    """What was to be created exists, or what was to be changed is in a state that does not allow it."""

    code = "CONFLICT"


class IdempotencyKeyReused(RequestRefused):
    """The idempotency key belongs to another request of the same caller."""

    code = "IDEMPOTENCY_KEY_REUSED"


class RateLimited(RequestRefused):
    """The caller's quota has no room for this request now; ``standing`` says how it stands."""

    code = "RATE_LIMITED"

    def __init__(self, detail: str, *, retry_after_s: int, standing: Standing) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s
        self.standing = standing


class ConcurrentUpdate(JobBackendError):
    """
    A conditional write found the row changed.

    ``current`` is the row as it was found, ``None`` when it is gone.
    """

    code = "CONCURRENT_UPDATE"

    def __init__(self, current: object | None) -> None:
        super().__init__("the row changed under a conditional write")
        self.current = current


class Unavailable(JobBackendError):
    """A store or queue did not answer; whether it acted is unknown. Trying again is safe."""

    code = "UNAVAILABLE"


class JobFailed(JobBackendError):
    """Raised by an operation whose input it cannot compute; the message becomes the job's error."""

    code = "OPERATION_FAILED"


class AttemptFailed(JobBackendError):
    """
    An attempt ended without a result, be it that the operation raised, took too long, or took its process down.

    ``code`` is the attempt's own, ``detail`` is for people, and after an ``is_final`` one another attempt is useless.
    """

    code = "ATTEMPT_FAILED"

    def __init__(self, *, code: str, detail: str, is_final: bool = False) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.is_final = is_final


class AttemptCancelled(JobBackendError):
    """The job was found cancelled while its attempt ran; what the operation did counts no more."""

    code = "ATTEMPT_CANCELLED"
