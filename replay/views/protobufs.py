"""Messages of Protocol Buffers, read by descriptors that a user names.

A message does not say what it is, so a file of descriptors does:

    protoc --include_imports --descriptor_set_out=jobs.pb job.proto

No code is made of it or run. Bytes count as a message where all of them are fields that
the descriptor knows. Needs joblog[protobuf].
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from joblog.replay.jobs.schema import SchemaError

if TYPE_CHECKING:
    from collections.abc import Callable

    Read = Callable[[bytes], Any]

_DEPTH_MAX = 20


def load_descriptor(told: str) -> tuple[str, Read]:
    """Return a message's name, and what reads it.

    Args:
        told: `FILE:MESSAGE`, the message with its package; only `FILE` where there is
            one message in it that no other file needs.

    Returns:
        The name, and a function that raises ValueError where bytes are none.

    Raises:
        SchemaError: there is no such file or message, or protobuf is not installed.
    """
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool  # noqa: PLC0415 - an extra
        from google.protobuf.message import DecodeError  # noqa: PLC0415
        from google.protobuf.message_factory import GetMessageClass  # noqa: PLC0415
    except ImportError as error:
        raise SchemaError(
            f"{error.name} is missing: install joblog[protobuf]"
        ) from error
    path, name = _split(told)
    try:
        files = descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes())
        pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            pool.Add(file)
        name = name or _only_message(files.file, path)
        made = GetMessageClass(pool.FindMessageTypeByName(name))
    except OSError as error:
        raise SchemaError(f"{path}: {error.strerror}") from error
    except (DecodeError, TypeError) as error:
        raise SchemaError(
            f"{path}: no descriptors; protoc --descriptor_set_out writes them, and "
            f"--include_imports what they need"
        ) from error
    except KeyError as error:
        raise SchemaError(f"{path}: no message {name} is in it") from error

    def read(data: bytes) -> Any:
        try:
            message = made.FromString(data)
        except DecodeError as error:
            raise ValueError(f"no {name}") from error
        return _tell(message, 0)

    return name, read


def _split(told: str) -> tuple[Path, str]:
    """Return the file and the message; a file's name may have a colon, too."""
    if Path(told).is_file():
        return Path(told), ""
    path, _, name = told.rpartition(":")
    return (Path(path), name.lstrip(".")) if path else (Path(told), "")


def _only_message(files: Any, path: Path) -> str:
    needed = {name for file in files for name in file.dependency}
    found = [
        f"{file.package}.{message.name}".lstrip(".")
        for file in files
        if file.name not in needed
        for message in file.message_type
    ]
    if len(found) == 1:
        return found[0]
    raise SchemaError(
        f"{path}: name the message, FILE:MESSAGE: {', '.join(found) or 'none'} is in it"
    )


def _tell(message: Any, depth: int) -> Any:
    """Return a message as plain values; bytes stay bytes.

    Raises:
        ValueError: it has a field that its descriptor does not know, or none at all.
    """
    from google.protobuf.unknown_fields import UnknownFieldSet  # noqa: PLC0415 - an extra

    if len(UnknownFieldSet(message)):
        raise ValueError("an unknown field")
    if depth > _DEPTH_MAX:
        return "…"
    fields = message.ListFields()
    if not depth and not fields:
        raise ValueError("no field")
    if message.DESCRIPTOR.full_name == "google.protobuf.Timestamp":
        return _time(message)
    return {field.name: _value(field, value, depth) for field, value in fields}


def _time(message: Any) -> Any:
    """Return a time as JSON has it; one that is none as its fields."""
    try:
        return message.ToJsonString()
    except ValueError:
        return {"seconds": message.seconds, "nanos": message.nanos}


def _value(field: Any, value: Any, depth: int) -> Any:
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        content = entry.fields_by_name["value"]
        return {key: _one(content, each, depth) for key, each in value.items()}
    if isinstance(value, (bytes, str, int, float)) or hasattr(value, "DESCRIPTOR"):
        return _one(field, value, depth)
    return [_one(field, each, depth) for each in value]


def _one(field: Any, value: Any, depth: int) -> Any:
    if field.message_type is not None:
        return _tell(value, depth + 1)
    if field.enum_type is not None:
        named = field.enum_type.values_by_number.get(value)
        return value if named is None else named.name
    return value
