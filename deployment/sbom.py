"""Writes what is deployed as a bill of materials, ``.build/sbom.json``: ``python -m deployment.sbom``."""

import sys
import zipfile
from email.parser import Parser
from importlib.metadata import version
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from deployment.packaging import BUILD, ZIP_NAME, PackagingError, package

SBOM = BUILD / "sbom.json"
STAGE = "local"


def components(deployed: Path) -> list[Component]:
    """
    What others made of the deployment zip: each package in it, Chalice's runtime, and Swagger UI.

    Chalice and Swagger UI say nothing of themselves in the zip; both are as installed here, where they were packed.
    """
    found = [
        ("pypi", "chalice", version("chalice")),
        ("npm", "swagger-ui-dist", version("flask-swagger-ui")),  # it has Swagger UI's own version
    ]
    with zipfile.ZipFile(deployed) as content:
        for name in content.namelist():
            if name.endswith(".dist-info/METADATA"):
                metadata = Parser().parsestr(content.read(name).decode())
                found.append(("pypi", metadata["Name"].lower().replace("_", "-"), metadata["Version"]))
    made = [(PackageURL(kind, name=name, version=of), name, of) for kind, name, of in sorted(found)]
    return [Component(name=name, version=of, purl=purl, bom_ref=str(purl)) for purl, name, of in made]


def sbom(deployed: Path) -> str:
    """Return the bill of materials of a deployment zip: CycloneDX 1.6, and validated."""
    product = Component(name="job-backend", type=ComponentType.APPLICATION, bom_ref="product")
    parts = components(deployed)
    serial = uuid5(NAMESPACE_URL, " ".join(str(each.purl) for each in parts))
    bom = Bom(components=parts, metadata=BomMetaData(component=product), serial_number=serial)
    bom.register_dependency(product, parts)
    text = JsonV1Dot6(bom).output_as_string(indent=2)
    if fault := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        message = f"the bill of materials is not valid: {str(fault).splitlines()[0]}"
        raise PackagingError(message)
    return text


def main(file: Path = SBOM) -> int:
    """Package the product and write its bill of materials; return the exit status."""
    file.unlink(missing_ok=True)
    folder = BUILD / STAGE
    try:
        package(STAGE, folder)
        file.write_text(sbom(folder / ZIP_NAME) + "\n")
    except PackagingError as error:
        print(f"no bill of materials was written: {error}", file=sys.stderr)
        return 1
    print(file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
