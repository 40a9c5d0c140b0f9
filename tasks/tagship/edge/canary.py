"""The edge's part of a canary: which visitors reach the candidate, and how each stays with one release. Pure.

A file has the share, another one until when it counts. So a canary begins, ends, and ends by itself without a change of
Caddy's configuration (docs/decisions/a-canary-is-a-file.md).
"""

from typing import Any

from tagship.names import CANDIDATE_COOKIE, CANDIDATE_HEADER, MAINTENANCE, Place

FILE, OFF = "canary", "off"
"""The environment's file with what the cookies of this canary begin with; `off` if there is none."""
SHARE = "canary-share"
"""Its file with the share: the first hex digits that a visitor's random number must stay below."""
UNTIL = "canary-until"
"""Its file with the second of the epoch at which the canary ends by itself, if its deploy doesn't renew it."""
LOG_FIELD = "canary"
"""In the edge's access log, only for requests during a canary: APP-ENV/SIDE."""
CANDIDATE, LIVE = "candidate", "live"
"""The two sides."""
CHOSEN = {"vars": {"tagship_visitor": [CANDIDATE]}}
"""Matches a request that reaches the candidate because of the canary."""

LASTS = 45
"""Seconds after which a canary ends unless it is renewed: after a kill, before the lock is free."""
_DIGITS = 4
_EVERYONE = "g"
"""Sorts behind every hex digit."""

Json = dict[str, Any]


def threshold(percent: float) -> str:
    """The content of the file with the share. Random numbers are compared with it as text."""
    most = 16**_DIGITS
    below = round(percent / 100 * most)
    return f"{below:0{_DIGITS}x}" if below < most else _EVERYONE


def percent(threshold: str) -> float:
    """The share that a threshold stands for."""
    try:
        return round(100 * int(threshold, 16) / int("f" * _DIGITS, 16), 1)
    except ValueError:
        return 100 if threshold == _EVERYONE else 0


def renewing(folder: str) -> str:
    """A script that lets a canary last, by the server's clock. `folder`: the environment's, quoted."""
    return f"echo $(( $(date +%s) + {LASTS} )) > {folder}/{UNTIL}.new && mv -f {folder}/{UNTIL}.new {folder}/{UNTIL}"


def reading(folder: str) -> str:
    """A script that prints the candidate of a canary, its share, and whether it lasts; nothing if there is none."""
    lasts = f'[ "$(date +%s)" -lt "$(cat {folder}/{UNTIL})" ] && echo on'
    shown = f"{{ cat {folder}/candidate; echo; cat {folder}/{SHARE}; echo; {lasts}; }} 2>/dev/null"
    return f'case "$(cat {folder}/{FILE} 2>/dev/null)" in ""|{OFF}) ;; *) {shown} ;; esac'


def side(place: Place, who: str) -> str:
    """What the access log names a side."""
    return f"{place}/{who}"


def draw(place: Place, folder: str, key: str, *, secure: bool) -> Json:
    """Chooses a release for each visitor without this canary's cookie, and sets it. Cookies of earlier ones are void.

    Comes before the routes, which it leaves to answer. Requests with the deploy's key (`key` is its placeholder) aren't
    the canary's, and during maintenance there is none.
    """
    others: list[Json] = [
        {"vars": {_content(folder, FILE): [OFF]}},
        {"vars": {_content(folder, MAINTENANCE): ["on"]}},
        {"header": {CANDIDATE_HEADER: ["*"]}},
        {"header": {"Cookie": [f"*{CANDIDATE_COOKIE}={key}*"]}},
        {"query": {CANDIDATE_COOKIE: [key]}},
    ]
    # an expression can't name a placeholder with slashes
    read = {"handler": "vars", "canary_share": _content(folder, SHARE), "canary_until": _content(folder, UNTIL)}
    lasts = {"expression": "string({time.now.unix}) < {http.vars.canary_until}"}
    within = [{"match": [lasts], "handle": [_routes(_sides(place, folder, secure=secure))]}]
    return _routes([{"match": [{"not": others}], "handle": [read, _routes(within)]}])


def _sides(place: Place, folder: str, *, secure: bool) -> list[Json]:
    """What becomes of a visitor: the first of these that matches."""
    this = _content(folder, FILE)
    chosen: Json = {"handler": "vars", "tagship_visitor": CANDIDATE}

    def known(who: str) -> list[Json]:
        return [{"header": {"Cookie": [f"*{CANDIDATE_COOKIE}={this}.{who}*"]}}]

    def noted(who: str) -> Json:
        return {"handler": "log_append", "key": LOG_FIELD, "value": side(place, who)}

    def remembered(who: str) -> Json:
        cookie = f"{CANDIDATE_COOKIE}={this}.{who}; Path=/; HttpOnly; SameSite=Lax{'; Secure' if secure else ''}"
        return {"handler": "headers", "response": {"add": {"Set-Cookie": [cookie]}}}

    drawn = [{"expression": "{http.request.uuid} < {http.vars.canary_share}"}]
    found: list[Json] = [
        {"match": known(CANDIDATE), "handle": [chosen, noted(CANDIDATE)]},
        {"match": known(LIVE), "handle": [noted(LIVE)]},
        {"match": drawn, "handle": [chosen, noted(CANDIDATE), remembered(CANDIDATE)]},
        {"handle": [noted(LIVE), remembered(LIVE)]},
    ]
    return [{"group": "canary", **each} for each in found]


def _routes(routes: list[Json]) -> Json:
    return {"handler": "subroute", "routes": routes}


def _content(folder: str, file: str) -> str:
    return f"{{file.{folder}/{file}}}"
