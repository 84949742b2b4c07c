"""All runs of the model together, what they cost, and what is drawn of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.cost.months import Stage, project_stage
from benchmarks.cost.prices import PriceList, price_list
from benchmarks.model import figures
from benchmarks.model.aws import Facts, facts
from benchmarks.model.bill import dollars
from benchmarks.model.deployment import deployed
from benchmarks.model.loads import Load
from benchmarks.model.outcome import Outcome
from benchmarks.model.product import Product, Settings, project_product, project_settings
from benchmarks.model.scenarios import BURST, NOISY_TENANT, SUSTAINED, Rung, Variation, ladder, variations
from benchmarks.model.service import run

STAGE = "prod"
SMALL_STAGE = "dev"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """All that the page is made of; runs are of the stage ``prod``, but those of ``dev``."""

    facts: Facts
    prices: PriceList
    product: Product
    settings: Settings
    dev_settings: Settings
    burst: Sequence[Rung]
    sustained: Sequence[Rung]
    noisy: Sequence[Variation]
    dev: Mapping[str, Outcome]

    @property
    def stage(self) -> Stage:
        """What of the stage decides about costs."""
        return project_stage(STAGE)

    def usd(self, outcome: Outcome, load: Load) -> float:
        """Return what a run costs."""
        return dollars(outcome.book.used, load.jobs_per_request, self.prices, self.stage)

    def plots(self) -> Mapping[str, figures.Figure]:
        """Return what is drawn, by the name of its file."""
        stage = self.stage

        def spent(load: Load) -> figures.Dollars:
            return lambda sample: dollars(sample.used, load.jobs_per_request, self.prices, stage)

        return {
            "burst": figures.of_ladder(BURST.name, self.burst, _chosen(self.burst), spent(BURST), is_burst=True),
            "sustained": figures.of_ladder(
                SUSTAINED.name, self.sustained, _chosen(self.sustained), spent(SUSTAINED), is_burst=False
            ),
            "ladder": figures.of_rungs(SUSTAINED.name, self.sustained),
            "noisy": figures.of_variations(NOISY_TENANT.name, self.noisy, spent(NOISY_TENANT)),
        }


def project_model(shown: Callable[[str], None]) -> Model:
    """Run everything; show how far it is."""
    prices, documented = price_list(), facts()
    product, settings, dev_settings = project_product(prices), project_settings(STAGE), project_settings(SMALL_STAGE)
    stage, dev = (deployed(documented, product, each) for each in (settings, dev_settings))
    return Model(
        facts=documented,
        prices=prices,
        product=product,
        settings=settings,
        dev_settings=dev_settings,
        burst=ladder(BURST, stage, product, documented, shown),
        sustained=ladder(SUSTAINED, stage, product, documented, shown),
        noisy=variations(stage, product, documented, shown),
        dev={load.name: run(load, dev, product) for load in (BURST, SUSTAINED)},
    )


def _chosen(rungs: Sequence[Rung]) -> Mapping[str, int]:
    """Return the rungs that are drawn: the first, the last, and two between them."""
    last = len(rungs) - 1
    places = sorted({0, round(last / 3), round(2 * last / 3), last})
    names = {0: "as deployed", last: f"all {last} limits raised"}
    return {names.get(place, f"{place} limit{'s' if place > 1 else ''} raised"): place for place in places}
