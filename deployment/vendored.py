"""What the deployment zip has beside the project and its dependencies: parts of packages that are installed here."""

from importlib.metadata import files as files_of
from importlib.util import find_spec
from pathlib import Path

from deployment.aws_models import extracts

VENDORED = Path("vendor")
"""Below the project. Chalice puts what is in ``vendor`` at the root of the zip, also when it deploys by itself."""

SWAGGER_UI_FILES = ("swagger-ui-bundle.js", "swagger-ui.css", "LICENSE")
BOTOCORE_FILES = ("LICENSE.txt", "NOTICE")


class NotInstalled(Exception):
    """A package is not installed, or lacks what is needed of it; the message says which, and what installs it."""


def vendor(project: Path, build: Path) -> None:
    """
    Put what the API's page needs of Swagger UI, and the clients of botocore's descriptions, where Chalice packs them.

    Each is replaced as a whole, and only by another: a ``chalice deploy`` may be packing them. ``build`` is a folder
    beside, which is not packed.

    Raises:
        NotInstalled: As it says.
    """
    files = _swagger_ui() | {f"aws_models/{name}": content for name, content in _aws_models().items()}
    folder, part = project / VENDORED, build / "vendored.part"
    build.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        target = folder / name
        if not target.exists() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(content)
            part.replace(target)
    for left in [path for path in folder.rglob("*") if path.is_file()]:
        if str(left.relative_to(folder)) not in files:
            left.unlink()


def _swagger_ui() -> dict[str, bytes]:
    package = find_spec("flask_swagger_ui")
    source = Path() if package is None or package.origin is None else Path(package.origin).parent / "dist"
    try:
        return {f"swagger_ui/{name}": (source / name).read_bytes() for name in SWAGGER_UI_FILES}
    except FileNotFoundError as missing:
        message = f"Swagger UI is not installed: there is no {missing.filename}; make setup installs flask-swagger-ui"
        raise NotInstalled(message) from missing


def _aws_models() -> dict[str, bytes]:
    licences = {
        path.name: Path(str(path.locate())).read_bytes()
        for path in files_of("botocore") or ()
        if path.name in BOTOCORE_FILES
    }
    return extracts() | licences
