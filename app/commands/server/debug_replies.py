"""DEBUG PROTOCOL: a sample of each type of reply, for those who test clients.

Source: Redis 7.0.15; see tests/parity/test_debug.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.reply import (
    RESP3,
    BigNumber,
    Encoded,
    Push,
    Replies,
    SetReply,
    Verbatim,
)

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_AFTER_PUSH: Final = b"Some real reply following the push reply"
_AFTER_ATTRIBUTE: Final = b"Some real reply following the attribute"
_ATTRIBUTE: Final = Encoded(
    b"|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n"
)

_SAMPLES: Final[dict[bytes, Any]] = {
    b"string": b"Hello World",
    b"integer": 12345,
    b"double": 3.141,
    b"bignum": BigNumber(1234567999999999999999999999999999999),
    b"null": None,
    b"array": [0, 1, 2],
    b"set": SetReply([0, 1, 2]),
    b"map": {0: False, 1: True, 2: False},
    b"verbatim": Verbatim(b"txt", b"This is a verbatim\nstring"),
    b"true": True,
    b"false": False,
}


def sample_reply(ctx: Context, kind: bytes) -> Any:
    """Return the sample of a type of reply.

    Raises:
        CommandError: there is no such type, or RESP2 has no way to say it.
    """
    name = kind.lower()
    if name in _SAMPLES:
        return _SAMPLES[name]
    # What comes besides the reply itself does not reach a script.
    is_resp3 = ctx.session.resp == RESP3 and not ctx.scripts.is_running
    if name == b"attrib":
        return Replies([_ATTRIBUTE, _AFTER_ATTRIBUTE]) if is_resp3 else _AFTER_ATTRIBUTE
    if name == b"push":
        if not is_resp3:
            raise CommandError(errors.ONLY_RESP3)
        return Replies([Push([b"server-cpu-usage", 42]), _AFTER_PUSH])
    raise CommandError(errors.PROTOCOL_TYPES)
