"""Payloads: what jobs carry, decoded; messages by the descriptors that are given."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from google.protobuf import timestamp_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from joblog.replay.cli import main
from joblog.replay.jobs.schema import SchemaError
from joblog.replay.views.answers import Desk
from joblog.replay.views.payloads import Payloads
from tests.delancie.broker import encode_job

TOUR = Path(__file__).resolve().parent.parent / "data" / "tours" / "delancie" / "data"
SCALARS = {"fixed64": 6, "string": 9, "message": 11, "bytes": 12, "uint32": 13}


def _field(message, number, name, kind, type_name="", *, is_repeated=False):
    field = message.field.add()
    field.name, field.number, field.type = name, number, SCALARS[kind]
    field.label = 3 if is_repeated else 1
    if type_name:
        field.type_name = type_name


@pytest.fixture(scope="module")
def descriptor(tmp_path_factory):
    """Return what protoc writes of tests/delancie/jobs/job.proto, but for Failure."""
    file = FileDescriptorProto(name="job.proto", package="delancie", syntax="proto3")
    file.dependency.append("google/protobuf/timestamp.proto")
    job = file.message_type.add(name="Job")
    entry = job.nested_type.add(name="HeadersEntry")
    entry.options.map_entry = True
    _field(entry, 1, "key", "string")
    _field(entry, 2, "value", "string")
    for number, (name, kind) in enumerate(
        [("id", "string"), ("body", "bytes"), ("checksum", "fixed64")], 1
    ):
        _field(job, number, name, kind)
    _field(job, 4, "priority", "uint32")
    _field(job, 7, "not_before", "message", ".google.protobuf.Timestamp")
    headers = ".delancie.Job.HeadersEntry"
    _field(job, 9, "headers", "message", headers, is_repeated=True)
    needed = FileDescriptorProto()
    timestamp_pb2.DESCRIPTOR.CopyToProto(needed)
    path = tmp_path_factory.mktemp("descriptors") / "jobs.pb"
    path.write_bytes(FileDescriptorSet(file=[needed, file]).SerializeToString())
    return str(path)


def job(descriptor, **fields):
    """Return the bytes of a job, made by the library itself."""
    pool = DescriptorPool()
    for file in FileDescriptorSet.FromString(Path(descriptor).read_bytes()).file:
        pool.Add(file)
    made = GetMessageClass(pool.FindMessageTypeByName("delancie.Job"))(**fields)
    return made.SerializeToString()


def test_message_is_read_by_its_descriptor_with_what_its_bytes_hold(descriptor):
    data = job(
        descriptor,
        id="j1",
        body=b'{"a": [1, 2]}',
        checksum=2**63,
        not_before={"seconds": 1_700_000_000},
        headers={"trace": "<b>x</b>"},
    )

    found = Payloads([f"{descriptor}:delancie.Job"]).decode(data)

    assert found == {
        "format": "protobuf delancie.Job",
        "value": {
            "id": "j1",
            "body": {"format": "json", "value": {"a": [1, 2]}},
            "checksum": 2**63,
            "not_before": "2023-11-14T22:13:20Z",
            "headers": {"trace": "<b>x</b>"},
        },
    }
    assert Payloads([descriptor]).decode(data) == found
    assert Payloads().decode(data) is None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"plain text", id="a text"),
        pytest.param(b"\x0a\x02j1\x2a\x01x", id="a field that is not known"),
        pytest.param(b"\x0a\x7fj1", id="cut off"),
        pytest.param(b"\x12\x02\x08\x01" * 10 + b"\xff", id="rest that is none"),
    ],
)
def test_bytes_that_are_no_such_message_are_left_as_they_are(descriptor, data):
    assert Payloads([descriptor]).decode(data) is None


def test_message_within_itself_is_unpacked_a_few_times_only(descriptor):
    data = b"end of it all"
    for _ in range(50):
        data = job(descriptor, body=data)

    value, depth = Payloads([descriptor]).decode(data)["value"], 0
    while isinstance(value["body"], dict):
        value, depth = value["body"]["value"], depth + 1

    assert 0 < depth < 5


def test_other_formats_are_read_beside_messages(descriptor):
    payloads = Payloads([descriptor])

    assert payloads.decode(b'{"a": 1}')["format"] == "json"
    assert payloads.decode(b"\x80\x04K\x07.")["format"] == "pickle"


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("{}/none.pb:a.B", "No such file"),
        ("{}/text.pb:a.B", "no descriptors"),
        ("{}/jobs.pb:a.B", "no message a.B"),
        ("{}/empty.pb", "name the message"),
    ],
)
def test_descriptor_that_is_none_is_one_line(descriptor, tmp_path, told, words):
    (tmp_path / "text.pb").write_bytes(b"syntax = 'proto3';")
    (tmp_path / "empty.pb").write_bytes(b"")
    (tmp_path / "jobs.pb").write_bytes(Path(descriptor).read_bytes())

    with pytest.raises(SchemaError, match=words):
        Payloads([told.format(tmp_path)])
    result = CliRunner().invoke(
        main, ["web", str(TOUR), "--descriptor", told.format(tmp_path)]
    )
    assert result.exit_code == 1
    assert words in result.output
    assert len(result.output.splitlines()) == 1


def test_jobs_of_a_recorded_history_are_told_with_what_they_carry(descriptor):
    desk = Desk(TOUR, descriptors=[descriptor])
    (told,) = desk.ask("job", {"id": "plain"})["jobs"]
    seq = told["steps"][0]["seq"]
    record = desk.ask("record", {"seq": str(seq)})
    shown = CliRunner().invoke(
        main, ["show", str(TOUR), f"@{seq}", "--descriptor", descriptor]
    )
    facts = CliRunner().invoke(
        main, ["show", str(TOUR), f"@{seq}", "--descriptor", descriptor, "--json"]
    )
    desk.forget()

    (carried,) = [
        each for each in told["own"]["decoded"] if "protobuf" in each["format"]
    ]
    assert carried["value"]["id"] == "plain"
    assert carried["value"] in [each["value"] for each in record["payloads"]]
    assert "protobuf delancie.Job" in shown.output
    assert json.loads(facts.output)["payloads"] == record["payloads"]


def test_what_the_broker_of_delancie_sends_is_a_job(descriptor):
    found = Payloads([descriptor]).decode(encode_job(b"7", b"body"))

    assert (found["value"]["id"], found["value"]["body"]) == ("7", "body")
