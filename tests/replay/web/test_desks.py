"""Desks: questions are answered by processes, one after the other."""

import asyncio
import sys
from pathlib import Path

import pytest

from joblog.replay.jobs.verdicts import Limits
from joblog.replay.web.desks import Desks
from tests.replay.histories import make_mail


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    history = make_mail(tmp_path_factory.mktemp("mail") / "data")
    history.close()
    return history.folder


def run(folder, work):
    async def all_of_it():
        desks = Desks(folder, (), Limits())
        try:
            return await asyncio.wait_for(work(desks), 60)
        finally:
            await desks.close()

    return asyncio.run(all_of_it())


def test_answers_come_and_a_process_that_died_is_started_anew(folder):
    async def work(desks):
        asked = [desks.quick.ask("board", {}), desks.quick.ask("record", {"seq": "12"})]
        board, record = await asyncio.gather(*asked)
        desks.quick._process.kill()
        await desks.quick._process.wait()
        again = await desks.quick.ask("record", {"seq": "12"})
        return board, record, again

    board, record, again = run(folder, work)

    assert board["queues"][0]["queue"] == "mail"
    assert record == again
    assert record["seq"] == 12


def test_work_that_nobody_waits_for_is_ended(folder, monkeypatch):
    monkeypatch.setattr("joblog.replay.web.desks._PATIENCE_SECONDS", 0.0)

    async def work(desks):
        await desks.patient.ask("health", {})
        before = desks.patient._process
        task = asyncio.create_task(desks.patient.ask("overview", {}))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        after = await desks.patient.ask("health", {})
        return before.returncode, after

    code, after = run(folder, work)

    assert code is None or code < 0
    assert after["problem"] is None


@pytest.fixture
def begun(monkeypatch):
    """The processes that desks began, in a list that grows."""
    begin, begun = asyncio.create_subprocess_exec, []

    async def begin_one(*words, **options):
        begun.append(await begin(*words, **options))
        return begun[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", begin_one)
    return begun


def test_process_that_starts_is_kept_for_the_next_question(folder, monkeypatch, begun):
    monkeypatch.setattr("joblog.replay.web.desks._PATIENCE_SECONDS", 0.0)

    async def work(desks):
        for _ in range(3):
            task = asyncio.create_task(desks.quick.ask("health", {}))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        return await desks.quick.ask("health", {})

    answer = run(folder, work)

    assert len(begun) == 1
    assert answer["problem"] is None


def test_process_that_starts_is_ended_with_the_page(folder, begun):
    async def work(desks):
        task = asyncio.create_task(desks.quick.ask("health", {}))
        await asyncio.sleep(0)
        task.cancel()
        await desks.close()
        return [process.returncode for process in begun]

    (code,) = run(folder, work)

    assert code is not None


def test_work_that_is_given_up_twice_leaves_nobody_reading(folder):
    async def work(desks):
        await desks.patient.ask("health", {})
        task = asyncio.create_task(desks.patient.ask("overview", {}))
        for _ in range(3):
            await asyncio.sleep(0)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await desks.patient.ask("health", {})

    assert run(folder, work)["problem"] is None


def read_environment(pid):
    return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")


@pytest.mark.skipif(sys.platform != "linux", reason="it is looked up in /proc")
def test_memory_of_a_desk_is_the_systems_so_that_it_can_be_given_back(folder):
    async def work(desks):
        await desks.quick.ask("health", {})
        return read_environment(desks.quick._process.pid)

    assert b"PYTHONMALLOC=malloc" in run(folder, work)


def test_folder_that_is_none_is_an_answer(tmp_path):
    answer = run(tmp_path, lambda desks: desks.quick.ask("board", {}))

    assert answer["kind"] == "nothing"
