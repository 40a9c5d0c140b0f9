#!/usr/bin/env bash
# Names a Python of this runner that is new enough, the one the job has set up first; names none where there is none.
set -euo pipefail
for name in python3 python3.14 python3.13 python3.12 python3.11 python; do
  if path="$(command -v "$name")" && "$path" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    printf 'path=%s\n' "$path" >>"$GITHUB_OUTPUT"
    exit 0
  fi
done
