"""What the edge does at asset paths: if the live release lacks a file, it gives the one of a release before or after.

Pure.
"""

from typing import Any

FOLDER = "assets"
"""In an environment's folder of the edge's volume: RELEASE/PATH, e.g. `shop-staging-3a941da8-383fc6/assets/app.js`."""

Json = dict[str, Any]


def otherwise(folder: str) -> list[Json]:
    """A reverse proxy's `handle_response` for a file that the live release lacks.

    Servers of single-page apps answer that with 200 and their start page, so that counts as lacking, too; no kept file
    is HTML. Any other answer is the app's own: a refusal or a redirect to a login must stay one. `folder`: the
    environment's.
    """
    root = f"{folder}/{FOLDER}"
    kept = {
        "match": [{"method": ["GET", "HEAD"], "file": {"root": root, "try_files": ["*{http.request.orig_uri.path}"]}}],
        "handle": [
            {"handler": "rewrite", "uri": "{http.matchers.file.relative}"},
            {"handler": "file_server", "root": root},
        ],
        "terminal": True,
    }
    as_it_came = {"handle": [{"handler": "copy_response"}]}
    lacking = ({"status_code": [404]}, {"status_code": [200], "headers": {"Content-Type": ["text/html*"]}})
    return [{"match": match, "routes": [kept, as_it_came]} for match in lacking]
