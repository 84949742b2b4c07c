"""What the memory benchmark makes of its looks, and that it drives the consumer."""

import pytest

from benchmarks.memory import FLAT_MAX_KIB, Look, Memory, growth, measured


def looks(*resident_kib: int) -> list[Look]:
    return [
        Look(jobs=1000 * number, resident_kib={"consumer": kib, "operations": 100})
        for number, kib in enumerate(resident_kib, 1)
    ]


def test_what_grows_while_it_warms_up_is_not_counted() -> None:
    assert growth(looks(100, 500, 500, 500, 500, 500, 500, 500, 500, 500)) == {"consumer": 0, "operations": 0}


@pytest.mark.parametrize(("each", "is_flat"), [(0, True), (FLAT_MAX_KIB, True), (FLAT_MAX_KIB + 1, False)])
def test_flat_is_what_grows_by_less_than_one_object_a_batch(each: float, *, is_flat: bool) -> None:
    made = looks(*(int(1000 + each * number) for number in range(10)))
    memory = Memory(looks=made, growth_kib=growth(made))
    assert memory.growth_kib == pytest.approx({"consumer": each, "operations": 0})
    assert memory.is_flat is is_flat


def test_both_processes_are_looked_at_while_jobs_are_done() -> None:
    found = measured(jobs=100)
    assert found.looks[-1].jobs == 100
    assert all(kib > 1000 for look in found.looks for kib in look.resident_kib.values())
