"""What the product costs at sizes that no test should take the time for."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
PEERS_PYTHON = PROJECT / ".build" / "peers" / "bin" / "python"
"""Of the environment that ``make`` installs what is compared with into, and what draws."""
