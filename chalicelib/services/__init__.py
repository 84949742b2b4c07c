"""Use cases: the order of the steps. No framework, no AWS; the outside comes in through `chalicelib.ports`."""
