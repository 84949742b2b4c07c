"""The price list ``benchmarks/prices.json``, and the one multiplication."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent.parent / "prices.json"


class PriceError(Exception):
    """The list lacks something that is used, or says it in a way that cannot be right; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """
    What ``per`` units of something cost; ``free_a_month`` of it AWS gives to each account.

    ``page`` is where AWS says it, and ``read_at`` where it was read when the list was made.
    """

    service: str
    what: str
    usd: float
    per: int
    page: str
    read_at: str
    free_a_month: float = 0

    def of(self, units: float) -> float:
        """Return what so many units cost, in USD."""
        return units * self.usd / self.per


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """A number that cannot be counted here, and where it is from."""

    value: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceList:
    """Prices by the name of their unit, and what is assumed, as of a day and in a region."""

    as_of: str
    region: str
    note: str
    prices: Mapping[str, Price]
    assumptions: Mapping[str, Assumption]
    sources: Mapping[str, str]

    @classmethod
    def read(cls, text: str) -> "PriceList":
        """
        Return the list in a JSON text.

        Raises:
            PriceError: A part is missing, or a price is negative or for no units.
        """
        document: dict[str, Any] = json.loads(text)
        try:
            prices = {name: Price(**fields) for name, fields in document["prices"].items()}
            made = cls(
                as_of=document["as_of"],
                region=document["region"],
                note=document["note"],
                prices=prices,
                assumptions={name: Assumption(**fields) for name, fields in document["assumptions"].items()},
                sources={source["of"]: source["page"] for source in document["sources"]},
            )
        except (KeyError, TypeError) as unfit:
            message = f"the price list is not complete: {unfit}"
            raise PriceError(message) from unfit
        if unfit_prices := [name for name, price in prices.items() if price.usd < 0 or price.per <= 0]:
            message = f"no price can be as that of {', '.join(unfit_prices)}"
            raise PriceError(message)
        return made

    def price(self, unit: str) -> Price:
        """
        Return the price of a unit.

        Raises:
            PriceError: The list has none.
        """
        try:
            return self.prices[unit]
        except KeyError:
            message = f"benchmarks/prices.json has no price for {unit}"
            raise PriceError(message) from None

    def assumed(self, name: str) -> float:
        """
        Return an assumption's value.

        Raises:
            PriceError: The list has none.
        """
        try:
            return self.assumptions[name].value
        except KeyError:
            message = f"benchmarks/prices.json does not say what to assume of {name}"
            raise PriceError(message) from None

    def bill(self, units: Mapping[str, float], *, with_free_tier: bool = False) -> dict[str, float]:
        """
        Return what the units cost, in USD by service, for all services of the list and in its order.

        Raises:
            PriceError: A unit has no price, whatever its number.
        """
        services: dict[str, float] = {price.service: 0.0 for price in self.prices.values()}
        for unit, number in units.items():
            price = self.price(unit)
            charged = max(0.0, number - price.free_a_month) if with_free_tier else number
            services[price.service] += price.of(charged)
        return services


def price_list() -> PriceList:
    """Return the project's own list."""
    return PriceList.read(FILE.read_text(encoding="utf-8"))
