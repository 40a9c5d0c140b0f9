"""Logs as JSON."""

import json
import logging
import sys

from atlas.logs import JsonFormatter


def test_a_record_is_one_line_of_json_with_its_data() -> None:
    record = logging.makeLogRecord(
        {"name": "atlas", "levelname": "INFO", "msg": 'said "%s"\n', "args": ("olá",)}
    )
    record.data = {"status": 200}

    line = JsonFormatter().format(record)

    assert "\n" not in line
    entry = json.loads(line)
    assert entry.pop("time").endswith("+00:00")
    assert entry == {"level": "info", "logger": "atlas", "message": 'said "olá"\n', "status": 200}


def test_an_exception_keeps_its_traceback() -> None:
    try:
        int("broken")
    except ValueError:
        record = logging.makeLogRecord({"msg": "failed", "exc_info": sys.exc_info()})

    assert "ValueError: invalid literal" in json.loads(JsonFormatter().format(record))["exception"]
