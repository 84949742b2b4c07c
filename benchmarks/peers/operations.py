"""What the peers' jobs compute."""

from collections.abc import Callable

OPERATIONS: dict[str, Callable[[list[float]], float]] = {
    "square_sum": lambda numbers: sum(number**2 for number in numbers),
    "cube_sum": lambda numbers: sum(number**3 for number in numbers),
}
