"""Which batch is sent next: the plan's batches in order, those of a lane one after another. Pure."""

from collections import deque
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel

from quire.batching import partition
from quire.packed_lists import PACKED_BATCHES, UNPACKED_BATCHES, After, Sizes
from quire.slots import Batch


class Schedule(BaseModel):
    """The batches of a run that are not done; plain data, carried when a run continues as new.

    Batch k, counting from 1, fills the next `sizes[k - 1]` slots. `after[k - 1]` is the number of the batch that must
    be done before batch k starts, because batch k reads its items; 0 is none, and an empty list is none for all.
    """

    sizes: Sizes = []
    after: After = []
    next_batch: int = 0
    """Planned batches that have been sent or set aside."""
    next_slot: int = 1
    ready: Annotated[deque[Batch], PACKED_BATCHES, UNPACKED_BATCHES] = deque()
    """Requeued or released batches; they precede the batches still in the plan, so that a run's tail is short."""
    blocked: dict[str, list[Batch]] = {}
    """Batches that wait, by the name of the batch that they wait for."""
    open_parts: dict[str, int] = {}
    """Batches that were taken and are not done, by name: 1, or the number of open parts of a split batch."""
    lane_files: dict[int, list[str]] = {}
    """In lanes: the batches that filled slots, by planned batch."""

    @property
    def has_lanes(self) -> bool:
        """True if any batch waits for another."""
        return bool(self.after)

    def has_pending(self) -> bool:
        """Return True if any batch is to be sent, now or later."""
        return bool(self.ready or self.blocked) or self.next_batch < len(self.sizes)

    def has_startable(self) -> bool:
        """Return True if a batch may be sent now."""
        return bool(self.ready) or self.next_batch < len(self.sizes)

    def count_startable(self) -> int:
        """Return about how many batches could be sent now; planned batches that a lane holds back count too."""
        return len(self.ready) + len(self.sizes) - self.next_batch

    def take_next(self, limit: int | None = None) -> Batch:
        """Take the next batch out. A batch of more than `limit` slots is split first; None is no limit."""
        batch = self.ready.popleft() if self.ready else self._take_planned()
        self.open_parts[batch.name] = 1
        if limit is not None and len(batch.slots) > limit:
            parts = partition(batch.slots, -(-len(batch.slots) // limit))
            self.split_batch(batch, [self._make_part(batch, index, slots) for index, slots in enumerate(parts, 1)])
            return self.take_next(limit)
        self.set_blocked_aside()
        return batch

    def split_batch(self, batch: Batch, parts: Sequence[Batch]) -> None:
        """Replace a taken batch by its parts: side by side, in a lane one after another."""
        self.open_parts[batch.name] = len(parts)
        for index, part in enumerate(parts):
            self.open_parts[part.name] = 1
            if not self.has_lanes:
                self.ready.append(part)
            elif index:
                self.blocked.setdefault(parts[index - 1].name, []).append(part)
            else:
                self.ready.appendleft(part)

    def mark_done(self, name: str) -> str | None:
        """Record that a batch has no open slot left, and release the batches that wait for it.

        Returns the name of the batch as it was first sent, before it was split, if it is now done; None as long as
        other parts of it are open.
        """
        del self.open_parts[name]
        self.ready.extend(self.blocked.pop(name, []))
        self.set_blocked_aside()
        parent = name.rpartition(".")[0]
        if parent in self.open_parts:
            self.open_parts[parent] -= 1
            return None if self.open_parts[parent] else self.mark_done(parent)
        return name

    def requeue(self, batch: Batch) -> None:
        """Queue a batch that was sent and not answered, unchanged."""
        self.ready.append(batch)

    def requeue_all(self, batches: Sequence[Batch]) -> None:
        """Queue batches that were handed to a shard and not answered there."""
        self.ready.extend(batches)

    def list_earlier_batches(self, batch: Batch, reach: int) -> list[str]:
        """Return the names of the batches that filled slots earlier in this batch's lane.

        These are the batches of its own planned batch and of the nearest `reach` planned batches before it that filled
        any slot; 0 is all.
        """
        if not self.has_lanes:
            return []
        count, names, root = 0, list(self.lane_files.get(batch.root, [])), self.after[batch.root - 1]
        while root and (not reach or count < reach):
            earlier = self.lane_files.get(root, [])
            names = [*earlier, *names]
            count += bool(earlier)
            root = self.after[root - 1]
        return [name for name in names if name != batch.name]

    def reopen_batches(self, batches: Sequence[Batch]) -> None:
        """Queue new batches of slots whose first batches were done."""
        for batch in batches:
            self.open_parts[batch.name] = 1
            self.ready.append(batch)

    def mark_all_sent(self, lane_files: dict[int, list[str]]) -> None:
        """Mark all planned batches as sent by an earlier run, which left these `lane_files`."""
        self.next_batch, self.next_slot = len(self.sizes), sum(self.sizes) + 1
        self.lane_files = lane_files

    def take_all(self) -> list[Batch]:
        """Take out all ready and blocked batches, to be sent by shards.

        Batches still in the plan are marked as sent and not returned: shards get them by number.
        """
        batches = [*self.ready, *(batch for group in self.blocked.values() for batch in group)]
        for batch in batches:
            self.open_parts.pop(batch.name, None)
        self.ready.clear()
        self.blocked.clear()
        self.next_batch, self.next_slot = len(self.sizes), sum(self.sizes) + 1
        return batches

    def load_shard(self, batches: Sequence[Batch]) -> None:
        """Fill this empty schedule with a shard's batches; each waits for the batch before it in its lane, if that is
        among them."""
        last_of_lane: dict[int, str] = {}
        for batch in batches:
            previous = self.after[batch.root - 1] if self.has_lanes else 0
            waits_for = last_of_lane.get(batch.root) or (last_of_lane.get(previous) if previous else None)
            if waits_for is None:
                self.ready.append(batch)
            else:
                self.open_parts[batch.name] = 1
                self.blocked.setdefault(waits_for, []).append(batch)
            if self.has_lanes:
                last_of_lane[batch.root] = batch.name

    def list_unsent_slots(self) -> list[int]:
        """Return the slot numbers of batches that were never sent, or that wait to be sent again."""
        waiting = [*self.ready, *(batch for group in self.blocked.values() for batch in group)]
        open_slots = {number for batch in waiting for number in batch.slots}
        return sorted(open_slots | set(range(self.next_slot, sum(self.sizes) + 1)))

    def set_blocked_aside(self) -> None:
        """Move the plan's next batches to `blocked` as long as they must wait for others."""
        while self.has_lanes and self.next_batch < len(self.sizes):
            previous = str(self.after[self.next_batch])
            if previous not in self.open_parts:
                return
            batch = self._take_planned()
            self.open_parts[batch.name] = 1
            self.blocked.setdefault(previous, []).append(batch)

    def _take_planned(self) -> Batch:
        size = self.sizes[self.next_batch]
        slots = tuple(range(self.next_slot, self.next_slot + size))
        self.next_batch += 1
        self.next_slot += size
        return Batch(name=str(self.next_batch), slots=slots)

    @staticmethod
    def _make_part(batch: Batch, index: int, slots: tuple[int, ...]) -> Batch:
        return batch.model_copy(update={"name": f"{batch.name}.{index}", "slots": slots})
