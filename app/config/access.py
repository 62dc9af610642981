"""Settings of who may do what."""

from __future__ import annotations

from joblog.app.config.kinds import LONG_MAX, Boolean, Choice, Integer, Text


class AccessSettings:
    """Users, and what more than being let in is needed for."""

    acllog_max_len = Integer(128, "Refusals that ACL LOG keeps.", 0, LONG_MAX)
    acl_pubsub_default = Choice(
        "resetchannels",
        "Channels of a new ACL user.",
        ("allchannels", "resetchannels"),
    )
    login_failure_delay = Integer(
        250,
        "How long a failed login is answered late, and what its client sent behind.",
        0,
        10_000,
        unit="ms",
    )
    aclfile = Text(
        "", "The file of ACL users, in place of `user` directives.", live=False
    )
    enable_debug_command = Choice(
        "no", "Who may use DEBUG.", ("no", "yes", "local"), live=False
    )
    enable_protected_configs = Choice(
        "no",
        "Who may change settings that are marked *protected*.",
        ("no", "yes", "local"),
        live=False,
    )
    core_dumps = Boolean(
        "no",
        "Whether a crash may leave a core dump (as far as `ulimit -c` lets it), which "
        "has all data, passwords and keys in the clear.",
        live=False,
    )
