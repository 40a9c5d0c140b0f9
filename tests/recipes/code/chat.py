"""A WebSocket server that says its version and what it was told."""

import asyncio
import signal

from websockets.asyncio.server import ServerConnection, serve

VERSION = "one"


async def echo(connection: ServerConnection) -> None:
    """Answer each message."""
    async for message in connection:
        await connection.send(f"{VERSION} {message!s}")


async def main() -> None:
    """Serve until SIGTERM, then close every connection."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with serve(echo, "", 8000):
        await ended.wait()


asyncio.run(main())
