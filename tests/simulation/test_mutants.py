import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.mutation import PAGE, MutantDoesNotApply, install, mutated_source

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_still_has_its_place_in_the_source(mutant: Mutant) -> None:
    spec = find_spec(mutant.module)
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).read_text()
    compile(mutated_source(mutant, source), spec.origin, "exec")


def test_mutants_have_names_of_their_own() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


def test_the_page_lists_every_mutant() -> None:
    """`make mutants` writes it anew."""
    rows = [line.split("|")[1].strip() for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    assert rows[1:] == [mutant.name for mutant in MUTANTS]
    assert "survives" not in PAGE.read_text()


def test_a_mutant_that_does_not_apply_is_said() -> None:
    mutant = Mutant("gone", "nothing", "tests.fakes", "no such text", "")
    with pytest.raises(MutantDoesNotApply, match="gone: its text is 0 times"):
        mutated_source(mutant, "some text")


def test_a_mutant_cannot_be_put_into_a_module_that_is_imported() -> None:
    with pytest.raises(MutantDoesNotApply, match="imported already"):
        install(Mutant("late", "nothing", "tests.simulation.mutants", "", ""))


def test_a_mutant_is_found_and_its_story_made_small() -> None:
    """In a process of its own, where the product is not imported yet."""
    program = """
import json
from tests.simulation.mutants import MUTANTS
from tests.simulation.mutation import install
install(next(mutant for mutant in MUTANTS if mutant.name == "lost claim read as refusal"))
from tests.simulation.batches import prepared
prepared()
from tests.simulation.report import story
from tests.simulation.schedule import simulate
from tests.simulation.shrink import shrunk
run = next(run for run in map(simulate, range(1, 2000)) if run.violations)
small, _ = shrunk(run)
print(json.dumps([len(run.trace), len(small.trace), list(story(small)), list(+small.struck)]))
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    before, after, lines, faults = json.loads(done.stdout)
    assert after <= before
    assert faults == ["applied, answer lost, applied again by the SDK"]
    assert any("applied, answer lost, applied again by the SDK" in line for line in lines)
    assert "BROKEN" in lines[-1]
