"""How one client's reads are tracked; see `joblog.app.engine.tracking`."""

from __future__ import annotations


class TrackingMode:
    """What CLIENT TRACKING ON asked for.

    Attributes:
        is_broadcasting: invalidate by prefix, whatever was read (BCAST).
        prefixes: of the keys to invalidate then; an empty one stands for all keys.
        is_opt_in: note only the keys of commands behind CLIENT CACHING YES.
        is_opt_out: note the keys of all commands but those behind CLIENT CACHING NO.
        is_without_own: do not invalidate what the client itself changes (NOLOOP).
        redirect: the id of the client that gets the notices; 0 for the client itself.
        is_caching: CLIENT CACHING was just given, for the next command.
        is_broken: the client that should get the notices is gone.
    """

    __slots__ = (
        "is_broadcasting",
        "is_broken",
        "is_caching",
        "is_opt_in",
        "is_opt_out",
        "is_without_own",
        "prefixes",
        "redirect",
    )

    def __init__(self) -> None:
        """Make the mode of a client that only says ON."""
        self.is_broadcasting = False
        self.prefixes: dict[bytes, None] = {}
        self.is_opt_in = False
        self.is_opt_out = False
        self.is_without_own = False
        self.redirect = 0
        self.is_caching = False
        self.is_broken = False

    @property
    def notes_reads(self) -> bool:
        """Whether the keys that the next command reads are noted."""
        if self.is_broadcasting:
            return False
        if self.is_opt_in:
            return self.is_caching
        return not (self.is_opt_out and self.is_caching)

    def flags(self) -> list[bytes]:
        """Return the flags of CLIENT TRACKINGINFO."""
        named = (
            (b"on", True),
            (b"bcast", self.is_broadcasting),
            (b"optin", self.is_opt_in),
            (b"caching-yes", self.is_opt_in and self.is_caching),
            (b"optout", self.is_opt_out),
            (b"caching-no", self.is_opt_out and self.is_caching),
            (b"noloop", self.is_without_own),
            (b"broken_redirect", self.is_broken),
        )
        return [name for name, is_set in named if is_set]
