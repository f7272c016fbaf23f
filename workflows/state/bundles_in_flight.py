"""Activities of several calls, and which of them stands behind which."""

from dataclasses import dataclass, field

SURE = 6
"""Activities that were made by one worker, after which it is taken for the only one: of two, chance would hardly choose
the same one so often."""


@dataclass
class Flight:
    """One such activity."""

    name: str
    """The activity's id."""
    wanted: int
    """Places that it can use."""
    places: int
    """Those that it has; none as long as it stands behind another."""
    ahead: "Flight | None" = None
    next: list["Flight"] = field(default_factory=list["Flight"])

    @property
    def unclaimed(self) -> int:
        """Places that nobody behind it is to take over."""
        return self.places - sum(flight.wanted for flight in self.next)


@dataclass
class Flights:
    """Those of one run that are in flight."""

    relayed: bool | None = None
    """Whether one may stand behind another: not where there are several workers, nor where one waited in vain, nor in a
    history that was begun when none did. Nobody has asked yet where it is None."""
    worker: str = ""
    """Who made the calls of all activities that have ended,"""
    ended: int = 0
    """and how many there were."""
    up: dict[str, Flight] = field(default_factory=dict[str, Flight])

    def started(self, name: str, wanted: int, ahead: Flight | None) -> Flight:
        """A new one, with places of its own, or behind another."""
        flight = self.up[name] = Flight(name, wanted, 0 if ahead else wanted, ahead)
        if ahead is not None:
            ahead.next.append(flight)
        return flight

    def landed(self, flight: Flight) -> int:
        """It has ended. Returns how many of its places nobody takes over."""
        del self.up[flight.name]
        if flight.ahead is not None:
            flight.ahead.next.remove(flight)
        left = flight.places
        for heir in flight.next:
            heir.ahead, heir.places = None, min(heir.wanted, left)
            left -= heir.places
        return left

    def heard(self, worker: str) -> None:
        """Who made an activity's calls; nobody where it failed."""
        if worker and self.worker not in ("", worker):
            self.relayed = False
        self.worker = worker or self.worker
        self.ended += bool(worker)

    def unfollowed(self) -> Flight | None:
        """One with places that nobody behind it is to take over, where one may: of the first ones nobody knows better,
        and then it must be sure."""
        if not self.relayed or 0 < self.ended < SURE:
            return None
        return next((flight for flight in self.up.values() if flight.unclaimed > 0), None)
