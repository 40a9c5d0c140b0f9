"""`manage.py work`, as a process."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.contrib.gis.geos import Point
from django.core.management import call_command

import healthcheck
from properties import jobs, queries
from properties.management.commands import work
from properties.models import Property


@pytest.mark.django_db(transaction=True)
def test_a_job_of_a_request_is_done_by_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work.Worker, "run", one_job)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    before = queries.compute_statistics("Braga")["properties"]
    Property.objects.create(
        title="Rua da Prova 3",
        district="Braga",
        price=200_000,
        expected_yield=5,
        area=60,
        location=Point(-8.4265, 41.5454, srid=4326),
    )
    jobs.queue().push(jobs.DISTRICT_STATISTICS, district="Braga")

    call_command("work")

    assert queries.district_statistics("Braga")["properties"] == before + 1


def one_job(worker: work.Worker) -> None:
    worker.perform(worker._jobs.pop(1))  # noqa: SLF001


def test_sigterm_stops_a_healthy_worker_within_two_seconds(tmp_path: Path) -> None:
    heartbeat = tmp_path / "beat"
    environment = os.environ | {"WORKER_HEARTBEAT": str(heartbeat)}
    with subprocess.Popen([sys.executable, "manage.py", "work"], env=environment) as process:
        deadline = time.monotonic() + 20
        while healthcheck.worker(str(heartbeat)) and time.monotonic() < deadline:
            time.sleep(0.05)
        healthy = healthcheck.worker(str(heartbeat)) == ""
        process.terminate()
        assert process.wait(timeout=2) == 0
    assert healthy
