"""Writes ``docs/conformance.md`` from the facts: ``python -m tests.contract.conformance_page``."""

from collections.abc import Iterator, Sequence
from typing import Any

from tests.aws import PROJECT
from tests.contract import (
    test_conformance_of_lambda,
    test_conformance_of_queues,
    test_conformance_of_services,
    test_conformance_of_tables,
    test_conformance_of_transactions,
)
from tests.contract.conformance import STAND_INS, Fact, version_of

FILE = PROJECT / "docs" / "conformance.md"
SPELT = {"moto": "moto", "ministack": "MiniStack", "dynamodb-local": "DynamoDB Local"}
GROUPS = {
    "DynamoDB: tables and items": test_conformance_of_tables,
    "DynamoDB: transactions": test_conformance_of_transactions,
    "SQS: standard queues": test_conformance_of_queues,
    "CloudFormation and the parameter store": test_conformance_of_services,
    "Lambda: mappings of queues": test_conformance_of_lambda,
}
INTRODUCTION = """\
# What do the stand-ins for AWS not reproduce?

The tests run on [three stand-ins for AWS](local-stack.md#what-the-tests-run-on). Each line below is a fact of AWS that
the product, its template or its operator's programs rely on, and a test that asks each stand-in for it:

* **yes**: it is so, or the test fails.
* **no**: it is not, and what it does instead. The test fails as soon as that is no longer true.
* **at times**: it is not reliably so, and nothing is asserted.
* **-**: not asked; moto is used for DynamoDB and SQS, and DynamoDB Local has nothing else than DynamoDB.

`make conformance` asks them, which takes half a minute, and lists the differences. `python -m
tests.contract.conformance_page` writes this page from the same facts."""
ON_AWS = """\
## Asking AWS itself

No AWS account was at hand: AWS itself has **not** been asked yet. The facts are those of its documentation, and of what
others saw there. Whoever has an account can ask it:

```
make conformance AWS=1
```

That asks the stand-ins first. Then it takes the credentials and the region that boto3 finds (`AWS_PROFILE=…` chooses
others), says which account it asks, and expects every fact to hold: what fails is a mistake of this page, and of the
product. It leaves out the mappings of Lambda, which would need a role. It makes one table, about thirty queues, two
stacks without a real resource and two parameters, all of them named `job-backend-conformance-…`, and removes them at
the end, also when it fails or is ended by Ctrl-C. It takes a minute or two and costs cents at most.

The user needs what such things take: DynamoDB's and SQS's ordinary actions, `cloudformation:*Stack*`,
`cloudformation:*ChangeSet`, `cloudformation:UpdateTerminationProtection`, `ssm:PutParameter`, `ssm:GetParameter`,
`ssm:GetParameterHistory` and `ssm:DeleteParameter`, for these names.

No other test can reach an account: the tests take every `AWS_…` variable out of their environment before they make a
client, and this program makes its clients before that. With `AWS_ENDPOINT_URL` it asks an emulator as if it were AWS; a
test does so with MiniStack, and sees exactly the **no**s of MiniStack fail."""


def markdown() -> str:
    """The page of all facts."""
    parts = [INTRODUCTION]
    parts += [f"## {heading}\n\n" + "\n".join(_table(module)) for heading, module in GROUPS.items()]
    return "\n\n".join([*parts, ON_AWS, ""])


def answer(fact: Fact[Any], stand_in: str, asked: Sequence[str]) -> str:
    if stand_in not in asked:
        return "-"
    if stand_in in fact.not_on:
        return f"**no**: {fact.not_on[stand_in]}"
    if stand_in in fact.by_chance_on:
        return f"**at times**: {fact.by_chance_on[stand_in]}"
    return "yes"


def _table(module: Any) -> Iterator[str]:
    heads = ["On AWS", *(f"{SPELT[name]} {version_of(name)}" for name in STAND_INS)]
    yield _row(heads)
    yield "|---" * len(heads) + "|"
    for fact in module.FACTS:
        yield _row([fact.text, *(answer(fact, name, module.ASKED) for name in STAND_INS)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    FILE.write_text(markdown())
