"""Whether anybody agrees to a change: at a terminal, beforehand, or not at all."""

import io

import pytest

from deployment.consent import NobodyToAsk, agreed, require_somebody


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _nothing_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CI", "YES"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("typed", "is_agreed"),
    [
        ("y\n", True),
        ("YES\n", True),
        (" y \n", True),
        ("n\n", False),
        ("\n", False),
        ("yeah\n", False),
        ("dev\n", False),
        ("", False),
    ],
)
def test_only_a_yes_agrees(monkeypatch: pytest.MonkeyPatch, typed: str, *, is_agreed: bool) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    assert agreed("Change it?") is is_agreed


@pytest.mark.parametrize(("name", "value"), [("YES", "1"), ("CI", "true")])
def test_nobody_is_asked_who_has_agreed_beforehand(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    monkeypatch.setenv(name, value)
    require_somebody()
    assert agreed("Change it?")


@pytest.mark.parametrize(("name", "value"), [("YES", "0"), ("YES", ""), ("CI", "false"), ("YES", "no")])
def test_without_a_terminal_nothing_else_stands_for_an_answer(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    monkeypatch.setenv(name, value)
    for ask in (require_somebody, lambda: agreed("Change it?")):
        with pytest.raises(NobodyToAsk, match="YES=1 or CI=true agrees beforehand"):
            ask()
