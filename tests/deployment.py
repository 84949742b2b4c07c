"""The deployment's own files, as tests read them."""

import json

from tests.aws import PROJECT

CONFIG = json.loads((PROJECT / ".chalice" / "config.json").read_text())
RESOURCES = json.loads((PROJECT / ".chalice" / "resources.json").read_text())


def environment(**changed: str) -> dict[str, str]:
    """The environment of a function: what the two files set, with names of tables and queue made up."""
    from_template = RESOURCES["Globals"]["Function"]["Environment"]["Variables"]
    names = {name: f"test-{name.lower()}" for name in from_template}
    return {**CONFIG["environment_variables"], **names, **changed}
