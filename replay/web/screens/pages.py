"""The addresses of the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from joblog.replay.web.screens.compare import Compare
from joblog.replay.web.screens.job import Job
from joblog.replay.web.screens.key import Key
from joblog.replay.web.screens.lists import Clients, Health, Scripts
from joblog.replay.web.screens.queue import Queue
from joblog.replay.web.screens.queues import Queues
from joblog.replay.web.screens.record import Record
from joblog.replay.web.screens.search import Search

if TYPE_CHECKING:
    from joblog.replay.web.desks import Desks


def add(desks: Desks) -> None:
    """Give each page its address."""

    @ui.page("/")
    def queues(at: str = "") -> None:
        Queues(desks, at)

    @ui.page("/queue/{name:path}")
    def queue(name: str, at: str = "") -> None:
        Queue(desks, name, at)

    @ui.page("/job/{job_id:path}")
    def job(job_id: str, at: str = "") -> None:
        Job(desks, job_id, at)

    @ui.page("/search")
    def search(text: str = "", at: str = "") -> None:
        Search(desks, text, at)

    @ui.page("/key/{key:path}")
    def key(key: str, db: str = "", at: str = "") -> None:
        Key(desks, key, db, at)

    @ui.page("/record/{seq}")
    def record(seq: str) -> None:
        Record(desks, seq)

    @ui.page("/compare")
    def compare(a: str = "", b: str = "", key: str = "", at: str = "") -> None:
        Compare(desks, a, b or at, key)

    @ui.page("/clients")
    def clients(at: str = "") -> None:
        Clients(desks, at)

    @ui.page("/scripts")
    def scripts(at: str = "") -> None:
        Scripts(desks, at)

    @ui.page("/log")
    def log(at: str = "") -> None:
        Health(desks, at)
