"""The functions of a script, and how it takes the environment's lock."""

FUNCTIONS = r"""
# Says what comes next, and holds the lock for another hour: it must still be this script's own.
step() {
  doing=$1
  echo "$1"
  now=$(docker exec tagship-edge date +%s)
  printf %s "$((now + 3600))" > "$files/expires"
  docker cp "$files/expires" "$held:/expires" 2> "$files/said" ||
    {
      cat "$files/said" >&2
      echo "The lock is gone: somebody freed or took it. Look at what is live before you go on." >&2
      exit 1
    }
}

# Pulls an image, unless it is there.
pull() {
  docker image inspect "$1" >/dev/null 2>&1 || docker pull "$1"
}

# Replaces a file in the edge at once: readers see the old or the new content.
put() {
  docker exec -i tagship-edge sh -c 'cat > "$1.new" && mv -f "$1.new" "$1"' put "$1"
}

# Waits until a container is healthy, or runs if it has no health check.
ready() {
  tries=0
  while :; do
    state=$(docker inspect --format '{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{end}}' "$1")
    case $state in "running healthy" | "running ") return ;; esac
    tries=$((tries + 1))
    case $state in exited* | dead*) break ;; esac
    [ "$tries" -lt "$ready_within" ] || break
    sleep 1
  done
  docker logs --tail 30 "$1" >&2
  echo "$1 is not ready: $state" >&2
  exit 1
}

# Waits for a container that does its work and ends.
ended() {
  [ "$(docker wait "$1")" = 0 ] || { docker logs --tail 30 "$1" >&2; echo "$1 failed" >&2; exit 1; }
}

# Copies stdin into a container as a file, with mode and owner. Needs GNU tar.
copy() {
  (umask 077 && mkdir -p "$files/$(dirname "$2")" && cat > "$files/$2")
  tar -C "$files" --mode="$3" --owner="$4" --group="$5" --numeric-owner -cf - "$2" | docker cp - "$1:/"
  rm "$files/$2"
}

# Adds a variable to the file that docker reads next; there, a value is one line.
variable() {
  [ "$(printf %s "$2" | tr -d '\r\n')" = "$2" ] || { echo "$1 has more than one line" >&2; exit 1; }
  (umask 077 && printf '%s=%s\n' "$1" "$2" >> "$files/variables")
}

# Asks until the answer has this status, comes from this release, and contains this text.
smoke() {
  tries=0
  while :; do
    said=$(printf '%s\n' "$1" | curl -sSi -m 10 -H @- "$4" "$url$3" | tr -d '\r') || said=
    if printf '%s\n' "$said" | grep -q "^HTTP/[0-9.]* $5" &&
      printf '%s\n' "$said" | grep -qi "^X-Tagship-Release: $2-" &&
      { [ -z "$6" ] || printf '%s\n' "$said" | sed '1,/^$/d' | grep -qF -- "$6"; }; then return; fi
    tries=$((tries + 1))
    [ "$tries" -lt "$smoke_within" ] || break
    sleep 1
  done
  printf '%s\n' "$said" | head -n 20 >&2
  echo "$url$3 does not answer as it should" >&2
  exit 1
}

# Changes Caddy's configuration by the request on stdin. 412: somebody else changed it since this script was made.
configure() {
  said=$(docker exec -i tagship-edge nc 127.0.0.1 2019)
  case $said in "HTTP/1.1 200"*) ;; *) printf '%s\n' "$said" | head -n 20 >&2; exit 1 ;; esac
}

# Waits until the edge passes no request to a release any more, at most so many seconds.
drain() {
  tries=0
  while [ "$tries" -lt "$2" ]; do
    now=$(docker exec tagship-edge sh -c \
      'printf "GET /reverse_proxy/upstreams HTTP/1.0\r\nHost: 127.0.0.1:2019\r\n\r\n" | nc 127.0.0.1 2019')
    # before Caddy 2.11.2, it counts by the configured name alone, of all releases together
    case $now in *'"address":"'[a-z0-9]*) whose=$1- ;; *) whose='{' ;; esac
    printf '%s' "$now" | tr '}' '\n' | grep -F "\"address\":\"$whose" | grep -q '"num_requests":[1-9]' || return 0
    tries=$((tries + 1))
    sleep 1
  done
}

# Adds the line on stdin to the ledger, with the time and the hash of the line before.
record() {
  docker exec -i tagship-edge sh -c '
    cd "$1" && last=$(tail -n 1 ledger.jsonl 2>/dev/null)
    [ -z "$(tail -c 1 ledger.jsonl 2>/dev/null)" ] || echo >> ledger.jsonl
    chain=$(printf %s "$last" | sha256sum | cut -c 1-64)
    [ -n "$last" ] || chain=0000000000000000000000000000000000000000000000000000000000000000
    sed "s/@AT@/$(date -u +%Y-%m-%dT%H:%M:%S+00:00)/; s/@CHAIN@/$chain/" >> ledger.jsonl' record "$1"
}
"""
LOCK = r"""
command -v curl >/dev/null || { echo "This script needs curl; nothing was changed." >&2; exit 1; }

# Takes the environment's lock, by the edge's clock, so that no deploy comes between.
files=$(mktemp -d)
held=
doing="taking the lock"
over() {
  code=$?
  rm -rf "$files"
  [ -z "$held" ] || docker rm --force "$held" >/dev/null || :
  [ "$code" != 0 ] || return 0
  now=$(docker exec tagship-edge cat "/tagship/$place/live" 2>/dev/null) || :
  echo "Stopped at: $doing. ${now:-$serving} is live." >&2
}
trap over EXIT
trap 'exit 130' INT TERM HUP
since=$(docker exec tagship-edge date +%s)
docker image inspect tagship/empty:1 >/dev/null 2>&1 ||
  tar -cf - --files-from /dev/null | docker import - tagship/empty:1 >/dev/null
held=$(docker create --name "$lock" --network none --label tagship.lock="$place" --label tagship.since="$since" \
  --label 'tagship.holder={"who": "a script of --explain", "doing": "by hand", "run": ""}' tagship/empty:1 lock) ||
  { echo "Another deploy is under way. If it is not, docker rm $lock" >&2; exit 1; }
printf %s "$((since + 3600))" > "$files/expires"
docker cp "$files/expires" "$held:/expires"
"""
