"""A wire to a broker that can be cut.

A client hears from a broker where brokers are, so the wire writes its own port over theirs in all
that comes back: both are 4 bytes behind the same host name, so that nothing else moves.
"""

import asyncio
import threading
from types import TracebackType
from typing import Any, Self

HOST = b"127.0.0.1"
ROOM = 16 * 1024 * 1024  # bytes of one answer


class Wire:
    """Passes on what a client and a broker say, unless it is cut; then it holds it back."""

    def __init__(self, broker: str) -> None:
        self._broker_port = int(broker.rpartition(":")[2])
        self._loop = asyncio.new_event_loop()
        self._whole = asyncio.Event()
        self._whole.set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.held_back = 0  # pieces

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._connect, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    @property
    def bootstrap(self) -> str:
        """Where a client connects."""
        return f"127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Let nothing through any more: nobody hears of it."""
        self._loop.call_soon_threadsafe(self._whole.clear)

    def mend(self) -> None:
        """Let all through, what was held back first."""
        self._loop.call_soon_threadsafe(self._whole.set)

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            above, below = await asyncio.open_connection("127.0.0.1", self._broker_port, limit=ROOM)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._up(reader, below), self._down(above, writer))

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what the client asks."""
        try:
            while piece := await reader.read(65_536):
                await self._pass(writer, piece)
        except OSError:
            pass
        finally:
            writer.close()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on whole answers: a place may not be cut in two."""
        theirs = HOST + self._broker_port.to_bytes(4, "big")
        ours = HOST + self.port.to_bytes(4, "big")
        try:
            while True:
                size = await reader.readexactly(4)
                answer = await reader.readexactly(int.from_bytes(size, "big"))
                await self._pass(writer, size + answer.replace(theirs, ours))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _pass(self, writer: asyncio.StreamWriter, piece: bytes) -> None:
        if not self._whole.is_set():
            self.held_back += 1
            await self._whole.wait()
        writer.write(piece)
        await writer.drain()
