"""The jobs of a run, each with the end it must come to."""

import random
from dataclasses import dataclass
from typing import Any

OWNERS = ("owner-a", "owner-b", "owner-c")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A job to submit; ``ends`` is its status with its result, or with its error's code."""

    number: int
    owner_id: str
    operation: str
    data: Any
    ends: tuple[str, str]

    @property
    def as_line(self) -> dict[str, Any]:
        """What the submitter is told."""
        return {"number": self.number, "owner_id": self.owner_id, "operation": self.operation, "data": self.data}


def order(number: int, seed: int) -> Order:
    """Make the ``number``th job of a seed: some of the product's own, most slow, some that fail first or for good."""
    chance = random.Random(f"{seed}/{number}")
    numbers = [chance.randint(-1000, 1000) for _ in range(chance.randint(0, 9))]
    owner_id = chance.choice(OWNERS)
    draw = chance.random()
    if draw < 0.2:
        operation, power = chance.choice([("square_sum", 2), ("cube_sum", 3)])
        ends = ("SUCCESS", str(sum(each**power for each in numbers)))
        return Order(number=number, owner_id=owner_id, operation=operation, data=numbers, ends=ends)
    is_refused = draw > 0.96
    data = {
        "numbers": numbers,
        "rest_ms": chance.randint(50, 450),
        "failures": 1 if draw < 0.35 else 0,
        "is_refused": is_refused,
    }
    ends = ("FAILED", "OPERATION_FAILED") if is_refused else ("SUCCESS", str(sum(numbers)))
    return Order(number=number, owner_id=owner_id, operation="slow_sum", data=data, ends=ends)
