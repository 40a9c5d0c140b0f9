import signal
import threading

stopped = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopped.set())
print("working", flush=True)
stopped.wait()
