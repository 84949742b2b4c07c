"""
The kinds of problem the API answers with: one table for statuses, titles, pages and gateway responses.

Each kind has a page, ``/problems/<name>``, which the ``type`` of its problems leads to. `docs/problems.md` has the same
texts.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemType:
    """
    One kind of problem.

    ``status`` is ``None`` where API Gateway refuses for a reason of its own, with a status it does not tell.
    ``meaning`` and ``remedy`` have the names of fields and headers in backticks.
    """

    code: str
    status: int | None
    title: str
    meaning: str
    remedy: str

    @property
    def name(self) -> str:
        """The last part of its page's path."""
        return self.code.lower().replace("_", "-")

    @property
    def path(self) -> str:
        """The path of its page, below the service's base path."""
        return f"/problems/{self.name}"

    @property
    def detail(self) -> str:
        """What it means as plain text, for a problem of which no more can be told."""
        return self.meaning.replace("`", "")


def _type(code: str, status: int | None, title: str, meaning: str, remedy: str) -> tuple[str, ProblemType]:
    return code, ProblemType(code=code, status=status, title=title, meaning=meaning, remedy=remedy)


BAD_REQUEST = "BAD_REQUEST"
METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"
BAD_GATEWAY = "BAD_GATEWAY"
GATEWAY_TIMEOUT = "GATEWAY_TIMEOUT"
UNAVAILABLE = "UNAVAILABLE"
REFUSED_BY_GATEWAY = "REFUSED_BY_GATEWAY"
FAILED_IN_GATEWAY = "FAILED_IN_GATEWAY"

PROBLEM_TYPES: dict[str, ProblemType] = dict(
    (
        _type(
            "MALFORMED_BODY",
            400,
            "The body is not JSON",
            "The body of the request cannot be read as JSON in UTF-8, or ends too early.",
            "Send one JSON object. NaN, Infinity and trailing commas are not JSON.",
        ),
        _type(
            "INVALID_PARAMETER",
            400,
            "A parameter or a header is wrong",
            "A parameter of the query or a header has a value that it must not have, or there is no such parameter.",
            "Change what `detail` names. A cursor must be used unchanged, with the filters it was made for.",
        ),
        _type(
            BAD_REQUEST,
            400,
            "The request cannot be answered as it was made",
            "The parts of the request do not go together, such as an `Accept` header that excludes the answer.",
            "Change what `detail` names.",
        ),
        _type(
            "NOT_AUTHENTICATED",
            401,
            "No valid token",
            "The request carries no token or API key, or one that is broken, has expired, or was ended; or a log-in's"
            " username or password is wrong.",
            "Get a new token with `POST /token/refresh`, or log in with `POST /login`, and send the header"
            " `Authorization: Bearer`, followed by the `access_token` or the API key.",
        ),
        _type(
            "SIGN_IN_TOO_OLD",
            401,
            "The sign-in is too long ago",
            "What is asked for cannot be undone, or lasts, and is only for a session that has just begun.",
            "Log in again with `POST /login` and repeat the request with the new `access_token`.",
        ),
        _type(
            "NOT_PERMITTED",
            403,
            "Not for this credential",
            "The token or the API key is valid, but not for this: an API key lacks the scope, or the call is for"
            " administrators, or for the service's own page.",
            "Use an API key with the scope that `WWW-Authenticate` names, or the access token of a session.",
        ),
        _type(
            "FORBIDDEN",
            403,
            "Not allowed from here",
            "A rule of the operator, such as a firewall, keeps the request from the service.",
            "Ask the operator; the same request will be refused again.",
        ),
        _type(
            "NOT_FOUND",
            404,
            "Nothing of this name",
            "There is nothing of this name that you may see. What belongs to another user looks the same.",
            "Check the id; `GET /jobs` lists the jobs you have.",
        ),
        _type(
            "NO_SUCH_PATH",
            404,
            "No such path",
            "The API has no such path.",
            "Compare the path with the API's description; the method and the base path belong to it.",
        ),
        _type(
            METHOD_NOT_ALLOWED,
            405,
            "The path has no such method",
            "The path is there, but not for this method.",
            "Use one of the methods in the `Allow` header.",
        ),
        _type(
            "CONFLICT",
            409,
            "The state does not allow it",
            "What was to be created exists already, or the job is in a status that does not allow the change.",
            "Read the current state and decide again; the same request will be refused until that changes.",
        ),
        _type(
            "EXPIRED",
            410,
            "Kept no longer",
            "The job was yours, and its retention is over: its data and its result are gone.",
            "Submit it again if you need the result; `retention_days` keeps a job longer.",
        ),
        _type(
            "INPUT_TOO_LARGE",
            413,
            "Too large",
            "The body of the request, or the data of a job, is over the limit.",
            "Send less in one request; `detail` says how large it was and how large it may be.",
        ),
        _type(
            UNSUPPORTED_MEDIA_TYPE,
            415,
            "The body is declared as something other than JSON",
            "The `Content-Type` of the request names a media type that the API does not read.",
            "Send JSON, with the header `Content-Type: application/json`.",
        ),
        _type(
            "INVALID_INPUT",
            422,
            "The input is not right",
            "The body is JSON, but a value in it is missing, unknown, of the wrong type or out of bounds.",
            "Change the wrong value (the first one found), which `errors` points at: `pointer` is a JSON Pointer into"
            " the body, `detail` says what may stand there.",
        ),
        _type(
            "IDEMPOTENCY_KEY_REUSED",
            422,
            "The idempotency key belongs to another request",
            "The `Idempotency-Key` was sent within the last 24 hours with a different body or to a different path.",
            "Repeat a request unchanged, or choose a new key for a new one.",
        ),
        _type(
            "RATE_LIMITED",
            429,
            "Your quota is spent",
            "You have made as many requests of this kind as you may within the window.",
            "Wait for as many seconds as `Retry-After` says.",
        ),
        _type(
            "THROTTLED",
            429,
            "The service is asked too much",
            "All callers together make more requests than API Gateway lets through. Your own quota is not spent.",
            "Wait for as many seconds as `Retry-After` says, and longer after each further refusal.",
        ),
        _type(
            INTERNAL_SERVER_ERROR,
            500,
            "The service failed",
            "A fault of the service. Nothing in the request has to be changed.",
            "Tell the operator the `request_id`, under which the log has the cause.",
        ),
        _type(
            BAD_GATEWAY,
            502,
            "The service gave no valid answer",
            "The service was reached, and broke before it answered. Whether it acted is unknown.",
            "Look whether the change was made, then try again; tell the operator the `request_id` if it happens again.",
        ),
        _type(
            UNAVAILABLE,
            503,
            "Not available at the moment",
            "A store that the service needs does not answer. Whether a change was made is unknown.",
            "Try again after as many seconds as `Retry-After` says. A submission with an `Idempotency-Key` can simply"
            " be sent again; otherwise look first whether the change was made.",
        ),
        _type(
            GATEWAY_TIMEOUT,
            504,
            "The service took too long",
            "The service did not answer in the time that API Gateway gives it. Whether it acted is unknown.",
            "Look whether the change was made, then try again. A submission with an `Idempotency-Key` can simply be"
            " sent again.",
        ),
        _type(
            REFUSED_BY_GATEWAY,
            None,
            "API Gateway refused the request",
            "API Gateway did not pass the request on, for a reason of its own. With a token on it, a request to an"
            " unknown path is among them: it is taken for a call signed for AWS.",
            "Check the path, the method and the `Authorization` header.",
        ),
        _type(
            FAILED_IN_GATEWAY,
            None,
            "API Gateway failed",
            "API Gateway could not reach the service, or got no valid answer from it. Whether it acted is unknown.",
            "Look whether the change was made, then try again; tell the operator the `request_id` if it happens again.",
        ),
    )
)
"""All kinds by their ``code``, by status. An error whose class has none of these codes is a fault of ours."""
