"""Faust's tables, without Faust's changelogs: the lane writes those, in its transaction."""

from typing import Any

import faust
from faust.tables.manager import TableManager as FaustTableManager
from faust.types import TP
from mode.utils.locks import Event

from streams.tables.overlay import Overlay, TableView
from streams.tables.store import URL


class Table(faust.Table[bytes, bytes]):
    """A table of bytes by bytes: `app.Table("citizens")`, once settings name this class."""

    data: Any

    def __init__(self, app: Any, **kwargs: Any) -> None:
        given: dict[str, Any] = {"key_type": bytes, "value_type": bytes, "store": URL} | kwargs
        super().__init__(app, **given)

    def view(self, partition: int) -> TableView:
        """Give the table of one partition, as the running transaction sees it."""
        view: TableView = self.data.view(partition)
        return view

    async def on_start(self) -> None:
        """Start the store; the changelog is declared by `plainscore topics`, not by Faust."""
        await self.add_runtime_dependency(self.data)

    def on_key_set(self, key: bytes, value: bytes) -> None:
        """Tell Faust's sensors alone: the last value of a key goes out with the transaction."""
        self._sensor_on_set(self, key, value)

    def on_key_del(self, key: bytes) -> None:
        """Tell Faust's sensors alone: the tombstone goes out with the transaction."""
        self._sensor_on_del(self, key)


class TableManager(FaustTableManager):
    """Starts tables and lets streams flow; partitions are restored before Faust hears of them.

    The lane puts the overlay of each partition that it holds into `overlays`.
    """

    app: Any

    def __init__(self, app: Any, **kwargs: Any) -> None:
        super().__init__(app, **kwargs)
        self.overlays: dict[int, Overlay] = {}
        self._flowing = Event()

    @property
    def changelog_topics(self) -> set[str]:
        """Give none: the group's consumer reads no changelog."""
        return set()

    async def on_start(self) -> None:
        """Start the tables."""
        self._tables_finalized.set()
        for table in self.values():
            await table.maybe_start()
        self._tables_registered.set()

    async def on_stop(self) -> None:
        """Stop reading, then the tables."""
        await self.app._fetcher.stop()
        for table in self.values():
            await table.stop()

    def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Do nothing: the lane has let go of what was revoked."""

    async def on_rebalance(
        self,
        assigned: set[TP],
        revoked: set[TP],  # noqa: ARG002
        newly_assigned: set[TP],  # noqa: ARG002
        generation_id: int = 0,
    ) -> None:
        """Let the streams of what was assigned flow, from the lane's offsets."""
        app = self.app
        await app.on_rebalance_complete.send()
        if app.consumer_generation_id != generation_id:
            self.log.info("The group rebalances again")
            return
        if assigned:
            app.consumer.resume_partitions(assigned)
            await app.consumer.perform_seek()
        self._flowing.set()
        app.flow_control.resume()
        app.consumer.resume_flow()
        await app._fetcher.maybe_start()
        self.on_actives_ready()
        self.on_standbys_ready()
        app.on_rebalance_end()

    async def wait_until_recovery_completed(self) -> bool:
        """Wait until the first partitions flow; give whether the app was stopped before that."""
        stopped: bool = await self.wait_for_stopped(self._flowing)
        return stopped
