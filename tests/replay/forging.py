"""Forging: logs and receipts edited by one who knows how everything is computed."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from io import BytesIO

import msgpack

from joblog.replay.jobs.spool import Spool
from joblog.replay.proofs import receipts
from joblog.replay.proofs.packed import Packer
from joblog.replay.proofs.receipt_text import add_seal, dump
from joblog.storage.filesystem import FileSystem
from joblog.storage.frame import (
    FRAME_HEAD_BYTES,
    FrameHeads,
    encode_frame,
    frame_bytes_at,
)
from joblog.storage.segment import (
    FOOTER_BYTES,
    HEADER_BYTES,
    SegmentReader,
    decode_footer,
    decode_header,
    encode_footer,
    encode_header,
    link_digest,
)
from joblog.storage.sha256 import ResumePoint, finish, go_on

DISK = FileSystem()


def check_receipt(text):
    """Return what a receipt proves, given its text."""
    return receipts.check_receipt(BytesIO(text))


def edit_record(payload, edit):
    """Return a record's payload with its six fields edited, or as it is."""
    fields = msgpack.unpackb(payload, raw=False, strict_map_key=False)
    changed = edit(list(fields))
    return payload if changed is None else msgpack.packb(changed)


def cut_frames(data):
    """Return the payloads of frames."""
    payloads, offset = [], 0
    while offset < len(data):
        size = frame_bytes_at(data[offset:])
        payloads.append(data[offset + FRAME_HEAD_BYTES : offset + size])
        offset += size
    return payloads


def forge_log(folder, edit, edit_header=lambda header: header):
    """Edit records of a log, and compute all that depends on them anew.

    Checksums, digests, links and footers fit afterwards, as if it had been so.

    Args:
        folder: the data folder.
        edit: gets the six fields of each record, and returns them changed, or None.
        edit_header: changes each segment's header.
    """
    link = None
    for path in sorted((folder / "log").glob("*.log")):
        data = path.read_bytes()
        header = edit_header(decode_header(data[:HEADER_BYTES], path))
        if link is not None:
            header = header._replace(previous_digest=link)
        made = encode_header(header)
        salt = decode_header(made, path).salt
        heads = FrameHeads(salt)
        footer = decode_footer(data[-FOOTER_BYTES:], None)
        end = len(data) - (FOOTER_BYTES if footer else 0)
        for payload in cut_frames(data[HEADER_BYTES:end]):
            made += encode_frame(edit_record(payload, edit), heads)
        if footer is not None:
            footer = footer._replace(digest=hashlib.sha256(made).digest())
            link = link_digest(footer, salt)
            made += encode_footer(footer, salt)
        path.write_bytes(made)
        SegmentReader(DISK, path).close()


def reseal(body):
    """Return a receipt's text with a seal that fits."""
    body = {name: value for name, value in body.items() if name != "seal"}
    text = dump(body)
    return add_seal(text, hashlib.sha256(text.encode()).hexdigest())


def unpack(stretch):
    """Return the bytes of a receipt's stretch."""
    return zlib.decompress(base64.b64decode(stretch["data"]))


def pack(data):
    """Return bytes as the data of a receipt's stretch."""
    packer = Packer(Spool())
    packer.add(data)
    made = packer.finish()
    return base64.b64encode(made.read_at(made.size, 0)).decode()


def repack(stretch, data, end=None):
    """Put bytes into a receipt's stretch, with the digest that they lead to."""
    point = ResumePoint(
        bytes.fromhex(stretch["state"]),
        stretch["offset"],
        bytes.fromhex(stretch["tail"]),
    )
    stretch["data"] = pack(data)
    stretch["digest"] = finish(go_on(point, data[:end])).hex()


def edit_receipt(text, edit):
    """Edit records in a receipt, and compute all that depends on them anew.

    The receipt's segments are open, so that no footer ends a stretch.
    """
    body = json.loads(text)
    for stretch in body["stretches"]:
        data = unpack(stretch)
        start = 0 if stretch["offset"] else HEADER_BYTES
        salt = 0
        made = data[:start]
        if start:
            salt = int.from_bytes(data[HEADER_BYTES - 4 : HEADER_BYTES], "little")
        for payload in cut_frames(data[start:]):
            made += encode_frame(edit_record(payload, edit), FrameHeads(salt))
        repack(stretch, made)
    return reseal(body)
