#!/bin/sh
# Starts Redis as the public image's entrypoint does: as its own user, open to its network.
set -e
case $1 in
-* | *.conf) set -- redis-server "$@" ;;
esac
if [ "$1" = redis-server ]; then
    shift
    # A configuration file must come first. The public image is built without protected mode.
    case $1 in
    *.conf) config=$1 && shift && set -- "$config" --protected-mode no "$@" ;;
    *) set -- --protected-mode no "$@" ;;
    esac
    set -- redis-server "$@"
    if [ "$(id -u)" = 0 ]; then
        find . \! -user redis -exec chown redis '{}' +
        set -- setpriv --reuid redis --regid redis --init-groups "$@"
    fi
fi
exec "$@"
