#!/bin/sh
# The backend's tests in its development image, beside a PostGIS and a Redis of their own that go afterwards.
set -u
compose="docker compose --project-name atlas-investor-test"

$compose run --build --rm --no-TTY backend pytest "$@"
result=$?
$compose down --volumes --timeout 0
exit $result
