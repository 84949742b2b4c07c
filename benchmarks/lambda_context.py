"""What Lambda gives a function beside its event, as far as the product asks it."""


class LambdaContext:
    """Of an invocation that has a minute and a half left, at whatever moment it is asked."""

    aws_request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"

    def get_remaining_time_in_millis(self) -> int:
        """Return the same each time."""
        return 90_000
