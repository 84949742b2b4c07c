"""
The folders that Lambda would make of each contestant's zip, and beside them what its runtime brings.

Each is there twice: as source only, and compiled. A container of Lambda cannot keep the bytecode it makes, as its code
is read-only, so a zip that brings none, or brings what does not count, is compiled anew at each cold start. Whether a
zip has it depends on who made it:

* ``pip install --target`` compiles, and ``zip -r`` takes that along, with dates that must come out as they went in.
* ``sam build`` and ``sam package`` date every file 1980, so no bytecode that is checked by date ever counts
  (github.com/aws/aws-lambda-builders/issues/924); ``chalice package`` takes wheels apart, which have none.
* Lambda's documentation advises against ``__pycache__`` in a zip, as it may be of another version of Python.
"""

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib.metadata import Distribution, distributions
from pathlib import Path

import boto3
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deployment.packaging import BUILD, PROJECT, ZIP_NAME, package

PEERS = BUILD / "peers" / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
"""Where ``make`` installs what the peers need."""

OF_THE_RUNTIME = frozenset({"boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3"})
"""The SDK and what it needs, which Lambda's runtime has beside the standard library, compiled."""

_CACHES = shutil.ignore_patterns("__pycache__")


class Mode(StrEnum):
    """How a zip comes to Lambda."""

    SOURCE = "source"
    COMPILED = "compiled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """
    One contestant in one mode: the folders of its path, and what Lambda enters of it.

    ``api`` and ``consumer`` each name a module and a function of it.
    """

    name: str
    mode: Mode
    path: Sequence[Path]
    api: tuple[str, str]
    consumer: tuple[str, str]


PRODUCT = "this product"
API, CONSUMER = ("app", "app"), ("app", "consume")


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Another contestant: what it would write into its ``requirements.txt``, and its modules of `benchmarks.peers`."""

    requires: Sequence[str]
    api: str
    consumer: str


FASTAPI, POWERTOOLS, BARE = "FastAPI + Mangum + boto3", "Powertools + boto3", "boto3 alone"

PEERS_BY_NAME: Mapping[str, Peer] = {
    FASTAPI: Peer(requires=("fastapi", "mangum", "pyjwt"), api="mangum_peer", consumer="bare_consumer"),
    POWERTOOLS: Peer(
        requires=("aws-lambda-powertools", "pyjwt"), api="powertools_peer", consumer="powertools_consumer"
    ),
    BARE: Peer(requires=("pyjwt",), api="bare_peer", consumer="bare_consumer"),
}


def packaged(folder: Path) -> Program:
    """Make the folder of this product's zip, just as it is packaged, and that of the runtime."""
    runtime = folder / "runtime"
    _copy(["boto3"], Path(boto3.__file__).parent.parent, runtime, only=OF_THE_RUNTIME)
    _compile(runtime)
    package("local", folder / "package")
    code = folder / "unpacked"
    with zipfile.ZipFile(folder / "package" / ZIP_NAME) as content:
        content.extractall(code)
    mode = Mode.COMPILED if any(code.rglob("*.pyc")) else Mode.SOURCE
    return Program(name=PRODUCT, mode=mode, path=(code, runtime), api=API, consumer=CONSUMER)


def prepared(folder: Path) -> tuple[list[Program], Mode]:
    """
    Make all contestants' folders in ``folder``; return them, and how this product's zip comes.

    The peers' environment must be installed.
    """
    product = packaged(folder)
    unpacked, runtime = product.path
    programs = []
    for mode in Mode:
        code = folder / f"{PRODUCT} {mode}"
        # Bytecode that it brings along is left as it is; only where it brings none is there some to be made.
        shutil.copytree(unpacked, code, ignore=None if mode is product.mode else _CACHES)
        if mode is Mode.COMPILED and mode is not product.mode:
            _compile(code)
        programs.append(replace(product, mode=mode, path=(code, runtime)))
    for name, peer in PEERS_BY_NAME.items():
        for mode in Mode:
            code = folder / f"{name} {mode}"
            _copy(peer.requires, PEERS, code)
            shutil.copytree(PROJECT / "benchmarks" / "peers", code / "benchmarks" / "peers", ignore=_CACHES)
            (code / "benchmarks" / "__init__.py").touch()
            if mode is Mode.COMPILED:
                _compile(code)
            programs.append(
                Program(
                    name=name,
                    mode=mode,
                    path=(code, runtime),
                    api=(f"benchmarks.peers.{peer.api}", "api"),
                    consumer=(f"benchmarks.peers.{peer.consumer}", "consume"),
                )
            )
    return programs, product.mode


def _compile(folder: Path) -> None:
    """Compile all modules, never to be compared with their source: as one would who knows that dates are lost."""
    # By another process: this one may be told to keep bytecode elsewhere.
    command = (sys.executable, "-I", "-m", "compileall", "-qq", "--invalidation-mode", "unchecked-hash", str(folder))
    # A file that no version of Python reads, such as a template of a module, is left out and is no failure.
    subprocess.run(command, check=False)  # noqa: S603 - this very interpreter, and no shell


def _copy(names: Iterable[str], source: Path, target: Path, *, only: frozenset[str] = frozenset()) -> None:
    """Copy packages and all that they need, as their own metadata say, without bytecode; or ``only`` some of those."""
    for distribution in with_needs(names, source, only):
        for file in distribution.files or []:
            if file.suffix == ".pyc" or ".." in file.parts:
                continue
            place = target / file
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / file, place)


def with_needs(names: Iterable[str], source: Path, only: frozenset[str] = frozenset()) -> list[Distribution]:
    """Return what is installed in ``source`` of these packages and of all that they need; or ``only`` some of those."""
    installed = {canonicalize_name(each.name): each for each in distributions(path=[str(source)])}
    found: dict[str, Distribution] = {}
    wanted = [canonicalize_name(name) for name in names]
    while wanted:
        name = wanted.pop()
        if name in found or (only and name not in only):
            continue
        found[name] = installed[name]
        needs = [Requirement(each) for each in installed[name].requires or []]
        wanted += [
            canonicalize_name(need.name) for need in needs if not need.marker or need.marker.evaluate({"extra": ""})
        ]
    return list(found.values())
