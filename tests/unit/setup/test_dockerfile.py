"""What a Dockerfile says about the image that it makes."""

import pytest

from tagship.setup.dockerfile import parse

STAGES = """\
# syntax=docker/dockerfile:1
ARG PYTHON=python:3.12-slim
FROM ${PYTHON} AS base
RUN apt-get update && \\
    # a comment between
    apt-get install -y curl
FROM base AS development
CMD ["python", "manage.py", "runserver"]
FROM base AS production
EXPOSE 8000/tcp
CMD gunicorn shop.wsgi
"""


def test_a_stage_is_followed_to_the_image_that_it_starts_from() -> None:
    assert parse(STAGES, "development").base == "python:3.12-slim"
    assert "curl" in parse(STAGES).installs


def test_the_last_stage_counts_unless_a_target_is_named() -> None:
    assert parse(STAGES).runs == "gunicorn shop.wsgi"
    assert parse(STAGES, "development").runs == "python manage.py runserver"


def test_a_stage_for_production_is_known_by_its_name() -> None:
    assert parse(STAGES).production == "production"
    assert parse("FROM x AS build\nFROM y\n").production == ""


@pytest.mark.parametrize(
    "text",
    [
        "EXPOSE 8000",
        'CMD ["gunicorn", "x", "--bind", "0.0.0.0:8000"]',
        "CMD uvicorn x --port 8000",
        "ENV PORT=8000",
    ],
)
def test_the_port_is_read_from_what_says_it(text: str) -> None:
    assert parse(f"FROM x\n{text}\n").port == 8000


def test_nothing_is_made_of_an_empty_file() -> None:
    assert (parse("").base, parse("").port, parse("").runs) == ("", 0, "")
