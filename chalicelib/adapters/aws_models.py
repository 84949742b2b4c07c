"""
What botocore knows of the services: of those in use, no more than is used.

Most of the time that a first client takes is botocore's reading of all operations of its service, and of all services'
endpoints. The deployment zip has an extract, which ``deployment/aws_models.py`` makes of botocore's own files.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from botocore.loaders import Loader
from botocore.session import Session, get_session

PACKAGED: Final = Path(__file__).parents[2] / "aws_models"
"""Where the deployment zip has the extract; elsewhere there is none, and botocore reads its own."""

OPERATIONS: Final[Mapping[str, Sequence[str]]] = {
    "dynamodb": (
        "BatchGetItem",
        "BatchWriteItem",
        "DeleteItem",
        "GetItem",
        "PutItem",
        "Query",
        "TransactWriteItems",
        "UpdateItem",
    ),
    "events": ("PutEvents",),
    "sqs": ("ChangeMessageVisibility", "DeleteMessageBatch", "GetQueueAttributes", "SendMessage", "SendMessageBatch"),
    "ssm": ("GetParameter",),
}
"""What the product calls; the clients of a deployment have no other methods."""


class _Extract(Loader):
    """Reads the extract, and what is not in it from botocore's own files."""

    def __init__(self, folder: Path) -> None:
        super().__init__(extra_search_paths=[str(folder)])

    def list_available_services(self, type_name: str) -> list[str]:
        """Return those of the extract, without a look at the folder of each service that AWS has."""
        del type_name
        return list(OPERATIONS)


def new_session(extract: Path = PACKAGED) -> Session:
    """Return a session of what the environment says, whose clients are made by the extract if there is one."""
    session = get_session()
    if extract.is_dir():
        session.register_component("data_loader", _Extract(extract))
    return session
