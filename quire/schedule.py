"""Which batch goes next: the plan's batches in order, those of a lane one after another. Pure."""

from collections import deque
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel

from quire.batching import partition
from quire.packed_lists import After, Sizes, packed, unpacked
from quire.slots import Batch


class Schedule(BaseModel):
    """The batches of a run that are not done; plain data, so that it is carried when a run continues as new.

    Batch k, counting from 1, fills the next `sizes[k - 1]` slots. `after[k - 1]` names the batch that must be done
    before it starts, because it reads what that one made; 0 is none, and an empty list is none for all.
    """

    sizes: Sizes = []
    after: After = []
    next_batch: int = 0
    next_slot: int = 1
    ready: Annotated[deque[Batch], packed, unpacked] = deque()
    """Sent again or released; they go before what the plan still holds, so that a run's tail is short."""
    blocked: dict[str, list[Batch]] = {}
    """Batches that wait, by the name of the one that they wait for."""
    live: dict[str, int] = {}
    """What was taken up and is not done: 1, or for a batch in parts the number of those that are open."""
    files: dict[int, list[str]] = {}
    """In lanes: the batches that filled slots, by planned batch."""

    @property
    def lanes(self) -> bool:
        """Whether any batch waits for another."""
        return bool(self.after)

    def pending(self) -> bool:
        """Whether anything is to be sent, now or later."""
        return bool(self.ready or self.blocked) or self.next_batch < len(self.sizes)

    def startable(self) -> bool:
        """Whether something may be sent now."""
        return bool(self.ready) or self.next_batch < len(self.sizes)

    def waiting(self) -> int:
        """Batches that are to be sent and wait for none, more or less: those that a lane holds back count too."""
        return len(self.ready) + len(self.sizes) - self.next_batch

    def take(self, limit: int | None = None) -> Batch:
        """The next batch. One that is larger than `limit`, what an answer has room for by now, is cut first."""
        batch = self.ready.popleft() if self.ready else self._planned()
        self.live[batch.name] = 1
        if limit is not None and len(batch.slots) > limit:
            parts = partition(batch.slots, -(-len(batch.slots) // limit))
            self.split(batch, [self._part(batch, index, slots) for index, slots in enumerate(parts, 1)])
            return self.take(limit)
        self.skip_blocked()
        return batch

    def split(self, batch: Batch, parts: Sequence[Batch]) -> None:
        """Put a batch's parts in its place: side by side, in a lane one after another."""
        self.live[batch.name] = len(parts)
        for index, part in enumerate(parts):
            self.live[part.name] = 1
            if not self.lanes:
                self.ready.append(part)
            elif index:
                self.blocked.setdefault(parts[index - 1].name, []).append(part)
            else:
                self.ready.appendleft(part)

    def done(self, name: str) -> str | None:
        """A batch has no open slot left. Returns the name of the batch that is done by this as it was sent at first,
        before it was split; None as long as other parts of it are open."""
        del self.live[name]
        self.ready.extend(self.blocked.pop(name, []))
        self.skip_blocked()
        parent = name.rpartition(".")[0]
        if parent in self.live:
            self.live[parent] -= 1
            return None if self.live[parent] else self.done(parent)
        return name

    def put_back(self, batch: Batch) -> None:
        """A batch that was sent and not answered: it is to be sent again as it is."""
        self.ready.append(batch)

    def before(self, batch: Batch, reach: int) -> list[str]:
        """Names of the batches that filled slots earlier in this batch's lane: those of its own planned batch and of
        the nearest `reach` before it that filled any; 0 is all."""
        if not self.lanes:
            return []
        found, names, root = 0, list(self.files.get(batch.root, [])), self.after[batch.root - 1]
        while root and (not reach or found < reach):
            earlier = self.files.get(root, [])
            names = [*earlier, *names]
            found += bool(earlier)
            root = self.after[root - 1]
        return [name for name in names if name != batch.name]

    def reopen(self, batches: Sequence[Batch]) -> None:
        """Send slots of batches that were done once more."""
        for batch in batches:
            self.live[batch.name] = 1
            self.ready.append(batch)

    def skip_all(self, files: dict[int, list[str]]) -> None:
        """All planned batches were sent by an earlier run, which left these `files`."""
        self.next_batch, self.next_slot = len(self.sizes), sum(self.sizes) + 1
        self.files = files

    def handed_out(self) -> list[Batch]:
        """Take out all that is ready or waits for another, to be sent elsewhere. What the plan still holds is passed
        over: it is known by number."""
        found = [*self.ready, *(batch for group in self.blocked.values() for batch in group)]
        for batch in found:
            self.live.pop(batch.name, None)
        self.ready.clear()
        self.blocked.clear()
        self.next_batch, self.next_slot = len(self.sizes), sum(self.sizes) + 1
        return found

    def take_back(self, batches: Sequence[Batch]) -> None:
        """Batches that were sent elsewhere and not answered there."""
        self.ready.extend(batches)

    def line_up(self, batches: Sequence[Batch]) -> None:
        """A part of a run's batches as the whole of this schedule; each waits for the one before it in its lane, if
        that is among them."""
        last: dict[int, str] = {}
        for batch in batches:
            first = self.after[batch.root - 1] if self.lanes else 0
            waits_for = last.get(batch.root) or (last.get(first) if first else None)
            if waits_for is None:
                self.ready.append(batch)
            else:
                self.live[batch.name] = 1
                self.blocked.setdefault(waits_for, []).append(batch)
            if self.lanes:
                last[batch.root] = batch.name

    def untouched(self) -> list[int]:
        """Slot numbers of batches that were never sent, or that wait to be sent again."""
        waiting = [*self.ready, *(batch for group in self.blocked.values() for batch in group)]
        open_slots = {number for batch in waiting for number in batch.slots}
        return sorted(open_slots | set(range(self.next_slot, sum(self.sizes) + 1)))

    def skip_blocked(self) -> None:
        """Set aside the plan's next batches for as long as they must wait."""
        while self.lanes and self.next_batch < len(self.sizes):
            first = str(self.after[self.next_batch])
            if first not in self.live:
                return
            batch = self._planned()
            self.live[batch.name] = 1
            self.blocked.setdefault(first, []).append(batch)

    def _planned(self) -> Batch:
        size = self.sizes[self.next_batch]
        slots = tuple(range(self.next_slot, self.next_slot + size))
        self.next_batch += 1
        self.next_slot += size
        return Batch(name=str(self.next_batch), slots=slots)

    @staticmethod
    def _part(batch: Batch, index: int, slots: tuple[int, ...]) -> Batch:
        return batch.model_copy(update={"name": f"{batch.name}.{index}", "slots": slots})
