"""``python -m benchmarks.model``: simulate, then write ``docs/model.md`` and the plots beside it."""

import sys

from benchmarks.measure import show
from benchmarks.model.page import PAGE, PLOTS, page
from benchmarks.model.plots import draw
from benchmarks.model.runs import project_model


def main() -> int:
    """Write the page and the plots; return the exit status."""
    model = project_model(show)
    PAGE.write_text(page(model), encoding="utf-8")
    show("drawing")
    draw(model.plots(), PLOTS)
    show(f"written: {PAGE}, and the plots in {PLOTS}")
    print(file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
