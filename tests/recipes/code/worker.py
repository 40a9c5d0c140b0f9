"""A worker that is ready at once and waits for jobs."""

import signal
from pathlib import Path

signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(SystemExit(0)))
Path("/tmp/alive").touch()
print("waiting for jobs", flush=True)
while True:
    signal.pause()
