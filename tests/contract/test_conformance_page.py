"""The facts as a whole, and the page that is made of them."""

from typing import Any

import pytest

from tests.aws import PROJECT
from tests.contract.conformance import AWS, STAND_INS, Fact
from tests.contract.conformance_page import FILE, GROUPS, answer, markdown

FACTS = [(module, fact) for module in GROUPS.values() for fact in module.FACTS]


def test_the_page_is_as_it_would_be_written() -> None:
    assert FILE.read_text() == markdown(), "run: python -m tests.contract.conformance_page"


def test_the_page_has_every_module_of_facts() -> None:
    names = {file.stem for file in (PROJECT / "tests" / "contract").glob("test_conformance_of_*.py")}
    assert {module.__name__.rpartition(".")[2] for module in GROUPS.values()} == names


@pytest.mark.parametrize(("module", "fact"), FACTS, ids=str)
def test_a_fact_differs_only_on_stand_ins_that_are_asked(module: Any, fact: Fact[Any]) -> None:
    differing = {*fact.not_on, *fact.by_chance_on}
    assert differing <= {*module.ASKED} - {AWS}, "and holds on AWS"
    assert not {*fact.not_on} & {*fact.by_chance_on}
    assert not any("|" in why for why in [*fact.not_on.values(), *fact.by_chance_on.values()])


def test_each_fact_is_one_row() -> None:
    rows = [line.split(" | ")[0][2:] for line in markdown().splitlines() if line.startswith("| ")]
    assert sorted(row for row in rows if row != "On AWS") == sorted(fact.text for _, fact in FACTS)


def an_item_is_kept(_: object) -> None: ...


@pytest.mark.parametrize(
    ("stand_in", "said"),
    [("moto", "**no**: drops it"), ("ministack", "**at times**: drops some"), ("dynamodb-local", "yes")],
)
def test_an_answer_says_what_a_stand_in_does_instead(stand_in: str, said: str) -> None:
    fact = Fact(an_item_is_kept, not_on={"moto": "drops it"}, by_chance_on={"ministack": "drops some"})
    assert answer(fact, stand_in, STAND_INS) == said
    assert answer(fact, stand_in, [AWS]) == "-"
