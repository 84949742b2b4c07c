"""``chalice package``: the zip and the template, for the laptop and for AWS alike."""

import argparse
import fcntl
import os
import platform
import subprocess
import sys
import zipfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
BUILD = PROJECT / ".build"
ZIP_NAME = "deployment.zip"
TEMPLATE_NAME = "sam.json"


class PackagingError(Exception):
    """``chalice package`` failed, or left a dependency out; the message holds its output."""


def package(stage: str, folder: Path) -> None:
    """
    Write the deployment zip and the rendered template of ``stage`` into ``folder``.

    Chalice keeps the zip of the last build and takes it again when nothing changed. Two builds at once wait for each
    other, because they share that.

    Raises:
        PackagingError: Chalice failed, or only warned that a dependency has no wheel for Lambda.
    """
    folder.mkdir(parents=True, exist_ok=True)
    BUILD.mkdir(exist_ok=True)
    chalice = Path(sys.executable).parent / "chalice"
    command = [str(chalice), "package", "--stage", stage, "--merge-template", ".chalice/resources.json", str(folder)]
    # A region is all it needs of AWS, and a profile must not be asked for; bytecode would make every zip differ.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {"AWS_DEFAULT_REGION": "us-east-1", "PYTHONDONTWRITEBYTECODE": "1"}
    with (BUILD / "package.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    output = done.stdout + done.stderr
    if done.returncode != 0 or "Could not install" in output:
        message = f"chalice package failed (exit {done.returncode}):\n{output}"
        raise PackagingError(message)


def runs_lambda_wheels() -> bool:
    """Tell whether this machine can load what was packaged for Lambda: Linux on x86-64."""
    return sys.platform == "linux" and platform.machine() == "x86_64"


def without_dependencies(source: Path, target: Path) -> None:
    """
    Copy a deployment zip without its dependencies.

    For an emulator whose functions run in this interpreter, on a machine that cannot load Lambda's wheels: they are
    then taken from the virtual environment.
    """
    with zipfile.ZipFile(source) as whole, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as own:
        for name in whole.namelist():
            if name == "app.py" or name.startswith(("chalicelib/", "chalice/")):
                own.writestr(name, whole.read(name))


def main() -> None:
    """Package one stage and say what came out."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("stage")
    stage = parser.parse_args().stage
    folder = BUILD / stage
    package(stage, folder)
    size = (folder / ZIP_NAME).stat().st_size
    print(f"{folder / ZIP_NAME}: {size / 1e6:.2f} MB")
    print(f"{folder / TEMPLATE_NAME}")


if __name__ == "__main__":
    main()
