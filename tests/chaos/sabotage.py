"""Ways to break the product, which a run must then see: what shows that its checks can fail."""

from chalicelib.adapters.dynamodb import jobs

NONE = ""
UNCONDITIONAL_WRITES = "unconditional_writes"
"""The end of an attempt is written whoever holds the job by then: a late one commits a second time."""

DELETES_FIRST = "deletes_first"
"""A message is deleted before its work is done, and nothing sweeps: a killed consumer's job is never run again."""


def break_product(how: str) -> None:
    """Break this process's product; what `DELETES_FIRST` breaks is not in it."""
    if how == UNCONDITIONAL_WRITES:
        # Still with every placeholder in it: DynamoDB refuses values that no expression uses.
        jobs.IS_UNCHANGED = f"({jobs.IS_UNCHANGED}) OR attribute_exists(job_id)"
