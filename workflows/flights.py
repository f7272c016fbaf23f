"""Activities of several calls, and which of them stands behind which."""

from dataclasses import dataclass, field


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
    """Whether one may stand behind another: not where one came to another worker than the activity ahead, or waited in
    vain, nor in a history that was begun when none did. Nobody has asked yet where it is None."""
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

    def unfollowed(self) -> Flight | None:
        """One with places that nobody behind it is to take over."""
        return next((flight for flight in self.up.values() if flight.unclaimed > 0), None)
