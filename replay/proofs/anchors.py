"""Anchors: digests of a log that are kept elsewhere, one a line, perhaps signed.

    joblog-anchor 1 LOG_ID SEQ DIGEST AT_MS
    joblog-anchor 1 LOG_ID SEQ DIGEST AT_MS ed25519 PUBLIC_KEY SIGNATURE

LOG_ID, DIGEST, PUBLIC_KEY and SIGNATURE are hexadecimal digits; AT_MS is when the line
was written, in ms since the epoch. What is signed is the line up to the word `ed25519`,
without the blank before it. Lines that begin with `#`, and empty ones, say nothing.

Who can write to the log's folder can make the whole log anew; not so that its digests
are those that lie where he cannot write. A signature says who wrote a line, wherever it
lies. Signing needs the package `cryptography` (`pip install joblog[sign]`).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINE = re.compile(
    r"joblog-anchor 1 (?P<log_id>[0-9a-f]{32}) (?P<seq>[0-9]{1,19}) "
    r"(?P<digest>[0-9a-f]{64}) (?P<at_ms>[0-9]{1,15})"
    r"(?: ed25519 (?P<key>[0-9a-f]{64}) (?P<signature>[0-9a-f]{128}))?"
)
_KEY = re.compile(r"[0-9a-f]{64}")


class AnchorError(Exception):
    """A line, a key or a signature is not what it should be; the text says which."""


class Anchor(NamedTuple):
    """A digest that was written down.

    Attributes:
        log_id: the log's id, in hexadecimal digits.
        seq: the record.
        digest_hex: the log's digest at it.
        at_ms: when it was written down.
        signer: the public key of who signed it, in hexadecimal digits; "" for none.
    """

    log_id: str
    seq: int
    digest_hex: str
    at_ms: int
    signer: str = ""


def format_anchor(anchor: Anchor, key: Any = None) -> str:
    """Return an anchor's line, signed where a private key is given."""
    line = (
        f"joblog-anchor 1 {anchor.log_id} {anchor.seq} {anchor.digest_hex} "
        f"{anchor.at_ms}"
    )
    if key is None:
        return line
    public = _public_hex(key.public_key())
    return f"{line} ed25519 {public} {key.sign(line.encode()).hex()}"


def read_anchors(path: Path, signer: str = "") -> Iterator[Anchor]:
    """Yield the anchors of a file.

    Args:
        path: the file.
        signer: where given, each line has to be signed with this public key.

    Raises:
        AnchorError: a line is none, or its signature is not sound.
        OSError: the file cannot be read.
    """
    text = path.read_text("utf-8", "replace")
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            yield _parse(line.rstrip(), signer)
        except AnchorError as error:
            raise AnchorError(f"{path}: line {number}: {error}") from error


def _parse(line: str, signer: str) -> Anchor:
    match = _LINE.fullmatch(line)
    if match is None:
        raise AnchorError("this is no anchor; 'replay anchor' writes such lines")
    if match["key"]:
        signed = line[: match.start("key") - len(" ed25519 ")]
        _require_signature(match["key"], match["signature"], signed)
    if signer and match["key"] != signer:
        raise AnchorError(f"it is not signed with the key {signer}")
    return Anchor(
        match["log_id"],
        int(match["seq"]),
        match["digest"],
        int(match["at_ms"]),
        match["key"] or "",
    )


# --- keys ------------------------------------------------------------------------


def _require_cryptography() -> Any:
    """Return the module for Ed25519.

    Raises:
        AnchorError: the package is not installed.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric import (  # noqa: PLC0415 - an extra
            ed25519,
        )
    except ImportError as error:
        raise AnchorError(
            "signatures need the package cryptography: pip install 'joblog[sign]'"
        ) from error
    return ed25519


def _require_signature(key_hex: str, signature_hex: str, text: str) -> None:
    ed25519 = _require_cryptography()
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - an extra

    key = ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(key_hex))
    try:
        key.verify(bytes.fromhex(signature_hex), text.encode())
    except InvalidSignature as error:
        raise AnchorError("its signature is not of this line") from error


def read_private_key(path: Path) -> Any:
    """Return the Ed25519 key in a PEM file, as `openssl genpkey` writes it.

    Raises:
        AnchorError: it has none, or the package is missing.
        OSError: the file cannot be read.
    """
    ed25519 = _require_cryptography()
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - an extra
        load_pem_private_key,
    )

    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise AnchorError(f"{path}: no private key without a password") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise AnchorError(f"{path}: a key, and not one of Ed25519")
    return key


def read_public_key(word: str) -> str:
    """Return a public key's digits: as they are written, or of a PEM file.

    Raises:
        AnchorError: there is none.
    """
    if _KEY.fullmatch(word.lower()):
        return word.lower()
    ed25519 = _require_cryptography()
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - an extra
        load_pem_public_key,
    )

    try:
        key = load_pem_public_key(Path(word).read_bytes())
    except (OSError, ValueError) as error:
        raise AnchorError(f"{word}: no public key: {error}") from error
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise AnchorError(f"{word}: a key, and not one of Ed25519")
    return _public_hex(key)


def _public_hex(key: Any) -> str:
    raw: bytes = key.public_bytes_raw()
    return raw.hex()
