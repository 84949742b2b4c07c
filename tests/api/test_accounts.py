import pytest

from tests.api.client import Api
from tests.factories import World

README_EXAMPLE = {"username": "yourname", "password": "yourpassword"}


def test_the_example_of_the_readme_registers_and_logs_in() -> None:
    api = Api()
    registered = api.post("/register", README_EXAMPLE)
    assert registered.status == 201
    assert registered.json == {"user_id": api.world.users.all()[0].user_id, "username": "yourname"}
    assert "Location" not in registered.headers
    answer = api.post("/login", README_EXAMPLE)
    assert answer.status == 200
    assert set(answer.json) == {"access_token", "token_type", "expires_in"}
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("bearer", 3600)
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("username", ["yourname", "YourName"])
def test_a_taken_name_is_a_conflict_whatever_its_case(username: str) -> None:
    api = Api()
    api.post("/register", README_EXAMPLE)
    answer = api.post("/register", README_EXAMPLE | {"username": username})
    assert answer.status == 409
    assert answer.problem["code"] == "CONFLICT"
    assert len(api.world.users.all()) == 1


def test_unknown_user_and_wrong_password_get_the_same_answer() -> None:
    api = Api()
    api.post("/register", README_EXAMPLE)
    wrong = api.post("/login", README_EXAMPLE | {"password": "hispassword"})
    unknown = api.post("/login", README_EXAMPLE | {"username": "hisname"})
    assert wrong.status == 401
    assert wrong.problem["code"] == "NOT_AUTHENTICATED"
    assert wrong == unknown
    assert wrong.headers["WWW-Authenticate"] == 'Bearer realm="job-backend"'


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


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"username": "a b"}, "#/username"),
        ({"username": ""}, "#/username"),
        ({"password": "short"}, "#/password"),
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


@pytest.mark.parametrize("path", ["/register", "/login"])
def test_without_the_users_table_the_answer_is_503(path: str) -> None:
    world = World()
    world.users.away = True
    answer = Api(world).post(path, README_EXAMPLE)
    assert answer.status == 503
    assert answer.problem["code"] == "UNAVAILABLE"
    assert int(answer.headers["Retry-After"]) > 0
