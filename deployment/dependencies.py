"""Whether the dependencies in a deployment zip are those of the wheels whose hashes pip has checked."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

from deployment.bytecode import bytecode_name

OWN = ("app.py", bytecode_name("app.py"), "chalicelib/", "chalice/", "swagger_ui/")
"""What is in the zip besides dependencies: the project, Chalice's runtime, and what ``vendor`` has."""


def dependency_faults(deployed: Path, wheels: Path) -> list[str]:
    """
    Say what of the dependencies in the zip ``deployed`` is not, byte for byte, in one of ``wheels``, or lacks there.

    Chalice downloads some wheels without a look at their hashes where it finds none for Lambda at first, and takes up
    the zip of an earlier build. So what it packed is compared.
    """
    checked: dict[str, tuple[str, bytes]] = {}
    for wheel in sorted(wheels.glob("*.whl")):
        package = wheel.name.partition("-")[0]
        checked |= {name: (package, content) for name, content in _installed(wheel)}
    with zipfile.ZipFile(deployed) as content:
        held = {name for name in content.namelist() if not name.startswith(OWN) and not name.endswith("/")}
        made_here = {bytecode_name(name) for name in held if name.endswith(".py")}
        foreign = sorted(held - checked.keys() - made_here)
        faults = [f"{name} in the zip is of no package in requirements.txt" for name in foreign]
        for name, (package, expected) in checked.items():
            if name not in held:
                faults.append(f"{package}: {name} is not in the zip")
            elif content.read(name) != expected:
                faults.append(f"{package}: {name} in the zip is not that of the wheel with the right hash")
    return faults


def _installed(wheel: Path) -> Iterator[tuple[str, bytes]]:
    """Where Chalice puts each file of a wheel, and its content."""
    with zipfile.ZipFile(wheel) as content:
        for name in content.namelist():
            top, _, below = name.partition("/")
            kind, _, inner = below.partition("/")
            target = inner if top.endswith(".data") and kind in {"purelib", "platlib"} else name
            if target and not target.endswith("/"):
                yield target, content.read(name)
