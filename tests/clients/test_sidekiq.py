"""What Sidekiq has beyond the jobs of every queue."""

import pytest

pytestmark = pytest.mark.slow


def test_stopped_worker_gives_its_job_back_and_another_runs_it(stage_of):
    stage = stage_of("sidekiq")
    client, journal = stage.client(), stage.journal
    worker = stage.worker()
    job = client.enqueue("hold", "held")
    journal.wait_for("held", "held")

    worker.stop()
    journal.release()
    stage.worker()

    assert client.wait_for(job)["result"] == "held"
    assert len(journal.times("held", "held")) == 2
