"""The processors that Lambda runs functions on, and which of them a stage has."""

import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SETTING = "lambda_architecture"


class ArchitectureError(Exception):
    """The stage names a processor that Lambda does not have; the message says which there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A processor: ``name`` is what Lambda and Chalice call it, ``machine`` what Linux and the tags of wheels do."""

    name: str
    machine: str

    @property
    def wheel_platforms(self) -> tuple[str, ...]:
        """Return what its wheels may be built for: the glibc of Lambda's oldest Python here, 3.11, is 2.26."""
        return (f"manylinux2014_{self.machine}", f"manylinux_2_26_{self.machine}")

    @property
    def is_of_this_machine(self) -> bool:
        """Tell whether this machine can load what was packaged for it: it must be Linux on the same processor."""
        return sys.platform == "linux" and platform.machine() == self.machine


X86_64 = Architecture(name="x86_64", machine="x86_64")
ARM64 = Architecture(name="arm64", machine="aarch64")


def architecture_of(config: Mapping[str, Any], stage: str) -> Architecture:
    """
    Return the processor of a stage of ``.chalice/config.json``: its own, else that of the top level.

    Raises:
        ArchitectureError: There is no such processor.
    """
    name = config["stages"][stage].get(SETTING, config.get(SETTING, X86_64.name))
    for known in (X86_64, ARM64):
        if name == known.name:
            return known
    message = f"the {SETTING} of the stage {stage} must be {X86_64.name} or {ARM64.name}, not {name}"
    raise ArchitectureError(message)
