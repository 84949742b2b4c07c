"""The product's own operation, with as many attempts and as little time as its neighbour's."""

from chalicelib.operations.cube_sum import cube_sum
from tests.chaos.operations.slow_sum import POLICY

__all__ = ["POLICY", "cube_sum"]
