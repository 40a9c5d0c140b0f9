"""A TCP proxy that adds a delay, like a distant server, and counts how often the direction of the data changes."""

import asyncio
import threading
import time
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

_CHUNK = 1 << 16

Queue = asyncio.Queue[tuple[float, bytes]]


class DelayingProxy:
    """Listens on `address`, a free port of it, for a server. `round_trip`, in seconds, may be changed meanwhile.

    A connection costs what it costs over that distance: TCP's own handshake is a round trip before the first byte.
    """

    def __init__(self, address: str, server: tuple[str, int], round_trip: float = 0.0) -> None:
        self.round_trip = round_trip
        self.port = 0
        self.turns: list[float] = []
        """When a client's bytes followed the server's (`time.monotonic`): the round trips, while one thing is asked."""
        self._address = address
        self._server = server
        self._last: str | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="delaying-proxy")

    def __enter__(self) -> Self:
        """Listen, in a thread."""
        self._thread.start()
        self._listening = self._do(asyncio.start_server(self._serve, self._address, 0))
        self.port = self._listening.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cut what is left."""
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - what the work returns
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)

    async def _close(self) -> None:
        self._listening.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(self.round_trip)  # SYN and its answer
        there: Queue = asyncio.Queue()
        back: Queue = asyncio.Queue()
        asking = asyncio.create_task(self._read(reader, there, "client"))
        await asyncio.sleep(self.round_trip / 2)  # the ACK with which the server learns of the connection
        far_reader, far_writer = await asyncio.open_connection(*self._server)
        try:
            await asyncio.gather(
                asking,
                self._write(there, far_writer),
                self._read(far_reader, back, "server"),
                self._write(back, writer),
            )
        except OSError:
            pass
        finally:
            writer.close()
            far_writer.close()

    async def _read(self, reader: asyncio.StreamReader, queue: Queue, end: str) -> None:
        loop = asyncio.get_running_loop()
        data = b"-"
        while data:
            try:
                data = await reader.read(_CHUNK)
            except OSError:
                data = b""
            if end == "client" and self._last == "server":
                self.turns.append(time.monotonic())
            self._last = end
            queue.put_nowait((loop.time() + self.round_trip / 2, data))

    @staticmethod
    async def _write(queue: Queue, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, data = await queue.get()
            await asyncio.sleep(due - loop.time())
            if not data:
                if writer.can_write_eof():
                    writer.write_eof()
                return
            writer.write(data)
            await writer.drain()
