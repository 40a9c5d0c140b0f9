"""Stands in for Snuba, where Sentry searches and counts: SQLite, taking queries in Snuba's language."""

from __future__ import annotations

import json
import logging
import os
import re
import sqlite3
import threading
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator, Mapping

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

# A session is one row, and so is a sum that an SDK made of many.
TABLES = """
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS error (
    event_id PRIMARY KEY, project_id, group_id, timestamp, type, environment, release, user, title);
CREATE TABLE IF NOT EXISTS session (
    id PRIMARY KEY, org_id, project_id, started, environment, release, user,
    sessions, sessions_errored, sessions_crashed, sessions_abnormal);
CREATE VIEW IF NOT EXISTS events AS
    SELECT *, release AS `tags[sentry:release]`, user AS `tags[sentry:user]`, hour(timestamp) AS time FROM error;
CREATE VIEW IF NOT EXISTS discover AS SELECT * FROM events;
CREATE VIEW IF NOT EXISTS sessions AS SELECT *, hour(started) AS bucketed_started FROM session;
"""
QUERY = re.compile(
    r"MATCH \((?P<table>\w+).*?\) SELECT (?P<select>.*?)(?: BY (?P<by>.*?))?(?: WHERE (?P<where>.*?))?"
    r"(?P<rest>(?: HAVING .*?)?(?: ORDER BY .*?)?(?: LIMIT .*?)?)(?P<totals> TOTALS True)?(?: GRANULARITY \d+)?",
    re.DOTALL,
)
SPELLINGS = {
    r"(?<!`)\btags\[[\w:.-]+\]": r"`\g<0>`",  # in double quotes, SQLite would make text of an unknown one
    r"\buniq\(": "count(DISTINCT ",
    r"\b(?:tuple|array)\(": "(",
    r"\\'": "''",
}
"""Where SnQL differs from SQL: https://docs.getsentry.com/snuba/language/snql.html."""
SUMS = {
    "users": "count(DISTINCT user) AS users",
    "users_crashed": "count(DISTINCT iif(sessions_crashed, user, NULL)) AS users_crashed",
    "duration_quantiles": "NULL AS duration_quantiles",
    **{
        name: f"ifnull(sum({name}), 0) AS {name}"
        for name in ("sessions", "sessions_errored", "sessions_crashed", "sessions_abnormal")
    },
}
"""Columns of sessions that sum up by themselves."""
FILE = Path(os.environ["RIG_FOLDER"], "snuba.sqlite")
TYPES = {int: "UInt64", float: "Float64"}

log = logging.getLogger("sentry.rig")
_lock = threading.Lock()
_database = sqlite3.connect(FILE, check_same_thread=False, isolation_level=None)
_database.row_factory = sqlite3.Row
_database.create_function("toDateTime", 1, lambda text: text)
_database.create_function("toUInt64", 1, lambda text: text and int(datetime.fromisoformat(f"{text}+00:00").timestamp()))
_database.create_function("multiply", 2, lambda one, other: one and one * other)
_database.create_function("hour", 1, lambda text: text and f"{text[:13]}:00:00+00:00")
_database.executescript(TABLES)


def insert(table: str, row: Mapping[str, Any]) -> None:
    """Add a row, or what is newer about one; times are ISO 8601 in UTC, without an offset."""
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    with _lock:
        _database.execute(f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})", list(row.values()))  # noqa: S608


def application(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Answer one query."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    query = json.loads(body)["query"]
    reply = json.dumps(answer(query)).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(reply)))])
    return [reply]


def answer(query: str) -> dict[str, Any]:
    """Find what a query asks for; nothing, where it goes beyond this stand-in."""
    parts = QUERY.fullmatch(query)
    if not parts:
        log.warning("not understood: %s", query)
        return {"data": [], "meta": [], "totals": {}}
    table, select, by, where, rest = (parts[name] or "" for name in ("table", "select", "by", "where", "rest"))
    data, totals = [], {}
    try:
        data = _rows(sql(table, select, where, by, rest))
        totals = _rows(sql(table, select, where))[0] if parts["totals"] else {}
    except sqlite3.Error as error:
        log.warning("no rows, for %s: %s", error, query)
    first = data[0] if data else {}
    named = {name: first.get(name) for name in columns(select, by)}
    meta = [{"name": name, "type": TYPES.get(type(value), "String")} for name, value in named.items()]
    return {"data": data, "meta": meta, "totals": totals}


def columns(*clauses: str) -> Iterator[str]:
    """Name what is selected and grouped by; an alias comes last."""
    depth, start = 0, 0
    text = f"{', '.join(filter(None, clauses))},"
    for at, letter in enumerate(text):
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and not depth:
            yield text[start:at].rpartition(" AS ")[2].strip(" `")
            start = at + 1


def sql(table: str, select: str, where: str, by: str = "", rest: str = "") -> str:
    """Put the clauses of a query into SQLite's words."""
    selected = [SUMS.get(name, name) if table == "sessions" else name for name in select.split(", ")]
    text = f"SELECT {', '.join([*selected, *([by] if by else [])])} FROM {table} WHERE {where or 1}"  # noqa: S608
    text += f" GROUP BY {by}{rest}" if by else rest
    for snql, said in SPELLINGS.items():
        text = re.sub(snql, said, text)
    return text


def _rows(query: str) -> list[dict[str, Any]]:
    with _lock:
        rows = [dict(row) for row in _database.execute(query)]
    for row in rows:
        if "duration_quantiles" in row:
            row["duration_quantiles"] = [0, 0]  # Sentry wants a list, and nothing here reads how long a session was
    return rows
