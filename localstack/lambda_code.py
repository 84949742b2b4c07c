"""
The code of MiniStack's functions, unpacked once for all processes that run it.

MiniStack unpacks the zip anew for each of them: a thousand files, which takes longer than all else that a process does
before its first event. What a function writes among its code, which on Lambda it cannot, all of them see: so the
modules of its packages are compiled once too. For functions in Python: among the code of those for Node.js MiniStack
puts their layers.
"""

import hashlib
import os
import threading
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import TYPE_CHECKING

from ministack.core import lambda_runtime

if TYPE_CHECKING:
    from collections.abc import Iterable

_unpacking = threading.Lock()


class SharedZip(zipfile.ZipFile):
    """A zip file that is unpacked once, into a folder of ``$TMPDIR`` that stays there; who asks for it gets links."""

    def extractall(
        self,
        path: "str | os.PathLike[str] | None" = None,
        members: "Iterable[str | zipfile.ZipInfo] | None" = None,
        pwd: bytes | None = None,
    ) -> None:
        """Link each file and folder at the top of the zip into the folder ``path``; all of them, without a password."""
        if path is None or members is not None or pwd is not None or self.filename is None:
            super().extractall(path, members, pwd)
            return
        digest = hashlib.sha256(Path(self.filename).read_bytes()).hexdigest()
        unpacked = Path(os.environ["TMPDIR"], "unpacked", digest)
        with _unpacking:
            if not unpacked.exists():
                unpacked.parent.mkdir(exist_ok=True)
                with TemporaryDirectory(dir=unpacked.parent) as part:
                    whole = Path(part, "code")
                    whole.mkdir()
                    super().extractall(whole)
                    whole.rename(unpacked)
        for each in unpacked.iterdir():
            Path(path, each.name).symlink_to(each)


def share_code() -> None:
    """Have the workers of the MiniStack in this process share what they run, and its bytecode, which is beside it."""
    for name in ("PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE"):
        os.environ.pop(name, None)
    zips = ModuleType(zipfile.__name__)
    vars(zips).update(vars(zipfile), ZipFile=SharedZip)
    lambda_runtime.zipfile = zips
