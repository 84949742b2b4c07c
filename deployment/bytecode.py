"""
Python's bytecode in a deployment zip: made here, of the sources in it.

Lambda's folder of code cannot be written to. Without bytecode each new container would compile every module that it
imports, and throw that away with itself.
"""

import hashlib
import marshal
import os
import sys
import warnings
import zipfile
from importlib.util import MAGIC_NUMBER, source_hash
from pathlib import Path, PurePosixPath

CODE_FOLDER = "/var/task"
"""Where Lambda has the zip's content."""

NEVER_IMPORTED = ("cffi/", "pycparser/")
"""What argon2's binding is built with: it comes with it, and is a sixth of all bytecode."""

NOT_COMPARED = (0b01).to_bytes(4, "little")
"""
That the bytecode goes with its source by a hash, and that nobody compares the two.

By its date it would never be taken: unpacked, each file has another. Source: PEP 552.
"""

WITHOUT_REFERENCES = 2
"""
The version of the format in which a value that comes twice is written twice.

Later ones write references, to what just then was in memory twice: the same source would not make the same bytes.
"""


_MADE_HOW = repr((sys.version, CODE_FOLDER, NOT_COMPARED, WITHOUT_REFERENCES)).encode()


def with_own_bytecode(zip_file: Path, compiled: Path) -> None:
    """
    Give the modules in a deployment zip the bytecode made of them, and no other; give all files one order and one date.

    Whatever imports the source leaves bytecode beside it, and Chalice packs that too. The same source makes the same
    zip, so deploying it again changes nothing. It is made for this interpreter's version of Python, as the functions
    that Chalice declares are, and kept in the folder ``compiled``, from where the next zip takes it: whoever can write
    there decides what is deployed, as whoever can write to the project does.
    """
    compiled.mkdir(parents=True, exist_ok=True)
    part = zip_file.with_suffix(".part")
    with zipfile.ZipFile(zip_file) as whole, zipfile.ZipFile(part, "w") as own:
        for name in sorted(whole.namelist()):
            if "__pycache__" in name.split("/"):
                continue
            content, attributes = whole.read(name), whole.getinfo(name).external_attr
            _write(own, name, content, attributes)
            if name.endswith(".py") and not name.startswith(NEVER_IMPORTED):
                bytecode = _bytecode(name, content, compiled)
                if bytecode is not None:
                    _write(own, bytecode_name(name), bytecode, attributes)
    part.replace(zip_file)


def bytecode_name(name: str) -> str:
    """Return where in the zip Python looks for the bytecode of a module there."""
    module = PurePosixPath(name)
    return str(module.parent / "__pycache__" / f"{module.stem}.{sys.implementation.cache_tag}.pyc")


def _write(archive: zipfile.ZipFile, name: str, content: bytes, attributes: int) -> None:
    entry = zipfile.ZipInfo(name)
    entry.external_attr, entry.compress_type = attributes, zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)


def _bytecode(name: str, source: bytes, compiled: Path) -> bytes | None:
    """Return the bytecode file of a module, or ``None`` for one that is not of this version of Python."""
    head = MAGIC_NUMBER + NOT_COMPARED + source_hash(source)
    kept = compiled / hashlib.sha256(b"\0".join([_MADE_HOW, name.encode(), source])).hexdigest()
    if kept.exists() and (made := kept.read_bytes()).startswith(head):
        return made
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other people's modules
            code = compile(source, f"{CODE_FOLDER}/{name}", "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError):
        return None
    made = head + marshal.dumps(code, WITHOUT_REFERENCES)
    # Of two builds at once each writes the same.
    part = kept.with_suffix(f".{os.getpid()}")
    part.write_bytes(made)
    part.replace(kept)
    return made
