import json

import pytest

from tests.api.client import PASSWORD, Answer, Api
from tests.factories import World
from tests.fakes import ReversedPasswords

README_EXAMPLE = {"username": "yourname", "password": "yourpassword"}


def test_the_example_of_the_readme_registers_and_logs_in() -> None:
    api = Api()
    registered = api.post("/register", README_EXAMPLE)
    assert registered.status == 201
    assert registered.json == {"user_id": api.world.users.all()[0].user_id, "username": "yourname"}
    assert "Location" not in registered.headers
    answer = api.post("/login", README_EXAMPLE)
    assert answer.status == 200
    assert set(answer.json) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("bearer", 900)
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("username", ["yourname", "YourName"])
def test_a_taken_name_is_a_conflict_whatever_its_case(username: str) -> None:
    api = Api()
    api.post("/register", README_EXAMPLE)
    answer = api.post("/register", README_EXAMPLE | {"username": username})
    assert answer.status == 409
    assert answer.problem["code"] == "CONFLICT"
    assert len(api.world.users.all()) == 1


@pytest.mark.asvs("16.5.1")
def test_unknown_user_and_wrong_password_get_the_same_answer() -> None:
    def answered(**changed: str) -> Answer:
        """On a service of its own, so that the same is left of the limits."""
        api = Api()
        api.post("/register", README_EXAMPLE)
        return api.post("/login", README_EXAMPLE | changed)

    wrong, unknown = answered(password="hispassword"), answered(username="hisname")
    assert wrong.status == 401
    assert wrong.problem["code"] == "NOT_AUTHENTICATED"
    assert wrong == unknown
    assert wrong.headers["WWW-Authenticate"] == 'Bearer realm="job-backend"'


@pytest.mark.asvs("8.2.3", "15.3.3")
@pytest.mark.parametrize("path", ["/register", "/login"])
@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ("{}", "#"),
        ("[]", "#"),
        ("null", "#"),
        ('{"username": "yourname"}', "#"),
        ('{"username": "yourname", "password": "yourpassword", "admin": true}', "#/admin"),
        ('{"username": 7, "password": "yourpassword"}', "#/username"),
        ('{"username": "yourname", "password": null}', "#/password"),
        ('{"username": "yourname", "password": "\\ud800\\ud800\\ud800\\ud800"}', None),
    ],
)
def test_a_body_that_is_no_credentials_is_refused_where_they_are_wrong(
    path: str, body: str, pointer: str | None
) -> None:
    api = Api()
    answer = api.send("POST", path, body)
    if pointer is None:
        assert answer.status in {400, 422}
    else:
        assert answer.status == 422
        assert [error["pointer"] for error in answer.problem["errors"]] == [pointer]
    assert answer.problem
    assert not api.world.users.all()


@pytest.mark.asvs("6.2.1")
@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"username": "a b"}, "#/username"),
        ({"username": ""}, "#/username"),
        ({"password": "short"}, "#/password"),
        ({"password": "IloveYou"}, "#/password"),
        ({"password": "it is yourname"}, "#/password"),
        ({"password": "job-backend 1"}, "#/password"),
        ({"password": "........"}, "#/password"),
        ({"password": "x" * 200_000}, "#/password"),
    ],
)
def test_what_is_refused_for_a_new_account_is_merely_wrong_for_a_login(changed: dict[str, str], pointer: str) -> None:
    api = Api()
    answer = api.post("/register", README_EXAMPLE | changed)
    assert answer.status == 422
    assert [error["pointer"] for error in answer.problem["errors"]] == [pointer]
    assert not api.world.users.all()
    api.post("/register", README_EXAMPLE)
    assert api.post("/login", README_EXAMPLE | changed).status == 401


@pytest.mark.asvs("15.2.2")
@pytest.mark.parametrize(
    ("password", "registering", "signing_in"),
    [("x" * 513, 422, 401), ("x" * 200_000, 422, 401), ("x" * 1_000_000, 413, 413)],
)
def test_a_password_of_any_size_is_refused_before_it_is_hashed(
    password: str, registering: int, signing_in: int
) -> None:
    passwords = ReversedPasswords()
    api = Api(World(passwords=passwords))
    api.post("/register", README_EXAMPLE)
    passwords.worked_on.clear()
    given = {"username": "yourname", "password": password}
    assert api.post("/register", given | {"username": "thisname"}).status == registering
    known = api.post("/login", given)
    assert known.status == signing_in
    unknown = api.post("/login", given | {"username": "thisname"})
    assert known.but_for_the_limit == unknown.but_for_the_limit
    assert not passwords.worked_on


@pytest.mark.asvs("6.2.5")
@pytest.mark.parametrize("password", ["nul \0 and \n", "\N{GRINNING FACE} \N{HEBREW LETTER ALEF} " * 3, " x " * 40])
def test_any_characters_register_and_sign_in(password: str) -> None:
    api = Api()
    credentials = {"username": "yourname", "password": password}
    assert api.post("/register", credentials).status == 201
    assert api.post("/login", credentials).status == 200
    assert api.post("/login", credentials | {"password": password.strip("\n x")}).status == 401


@pytest.mark.parametrize("path", ["/register", "/login"])
def test_without_the_users_table_the_answer_is_503(path: str) -> None:
    world = World()
    world.users.away = True
    answer = Api(world).post(path, README_EXAMPLE)
    assert answer.status == 503
    assert answer.problem["code"] == "UNAVAILABLE"
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.asvs("6.2.10")
def test_a_password_does_not_expire() -> None:
    api = Api()
    api.registered()
    api.world.clock.advance(days=3650)
    assert api.log_in().status == 200


@pytest.mark.asvs("7.2.4", "7.6.2")
def test_a_session_begins_with_a_sign_in_and_with_nothing_else() -> None:
    api = Api()

    def sessions() -> int:
        return len(api.world.credentials.rows)

    api.registered()
    api.log_in(password="a wrong password")
    assert sessions() == 0
    first = api.signed_in()
    assert sessions() == 1
    api.refreshed(first.refresh)
    api.get("/me", token=first.access)
    assert sessions() == 1
    second = api.signed_in()
    assert sessions() == 2
    assert (second.access, second.refresh) != (first.access, first.refresh)
    assert len({first.access, first.refresh, second.access, second.refresh}) == 4


@pytest.mark.asvs("6.2.4", "6.2.12")
@pytest.mark.parametrize(("method", "path"), [("POST", "/register"), ("PUT", "/me/password")])
def test_a_common_password_is_refused_for_a_new_account_and_for_a_change(method: str, path: str) -> None:
    api = Api()
    token = api.logged_in()
    bodies = {
        "/register": {"username": "grace", "password": "iloveyou"},
        "/me/password": {"current_password": PASSWORD, "new_password": "iloveyou"},
    }
    answer = api.send(method, path, json.dumps(bodies[path]), token=token)
    assert answer.status == 422
    assert "one that many people have" in answer.problem["errors"][0]["detail"]
