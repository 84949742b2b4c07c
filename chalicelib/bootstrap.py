"""
Composition root: settings in, services out.

What implements each port is in `chalicelib.wiring.adapters`, and what each service is made of in the modules beside it.
"""

from collections.abc import Callable
from contextlib import suppress

from chalicelib.adapters.aws import AwsClients
from chalicelib.config import Settings
from chalicelib.wiring.adapters import Adapters
from chalicelib.wiring.administration import AdministrationServices
from chalicelib.wiring.functions import FunctionServices


class Services(AdministrationServices, FunctionServices):
    """What the entry points call; each member is loaded and made when it is first asked for, and once."""


def build(settings: Settings, clients: AwsClients | None = None) -> Services:
    """
    Return the services for AWS, by ``clients`` or by those of the environment.

    Reaches nothing: clients are made with their first call.
    """
    return Services(Adapters(settings, clients or AwsClients()))


NEEDED_BY = {
    # What every request with a credential meets; the rest is another for each route.
    "app.app": ("authentication", "rate_limiter"),
    "app.consume": ("consumer",),
    "app.dead_letter": ("consumer",),
    "app.erase": ("erasures",),
    "app.relay": ("relay",),
    "app.deliver": ("deliveries",),
    "app.intake": ("intake",),
    "app.sweep": ("every_minute",),
    "app.redrive": ("dead_letters",),
}
"""Members of `Services` that a function's events need, by its handler."""


def prepare(services: Callable[[], Services], handler: str) -> None:
    """
    Make what the function of this handler needs, if it is one of ours.

    For while it starts, when Lambda lets it have a whole processor; during an event, one with 256 MB has a seventh.
    Whatever is wrong is raised again by the first event, which has a log and an answer for it.
    """
    with suppress(Exception):
        for name in NEEDED_BY.get(handler, ()):
            getattr(services(), name)
