"""What a fuzz has found."""


class Finding(Exception):  # noqa: N818 - what it is called in the reports
    """The server did what it must never do."""
