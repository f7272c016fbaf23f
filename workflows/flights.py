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
    next: "Flight | None" = None


@dataclass
class Flights:
    """Those of one run that are in flight."""

    relayed: bool | None = None
    """Whether one may stand behind another: not where there are several workers, and it came to the wrong one, and not
    in a history that was begun when none did. Nobody has asked yet where it is None."""
    up: dict[str, Flight] = field(default_factory=dict[str, Flight])

    def started(self, name: str, wanted: int, ahead: Flight | None) -> Flight:
        """A new one, with places of its own, or behind another."""
        flight = self.up[name] = Flight(name, wanted, 0 if ahead else wanted, ahead)
        if ahead is not None:
            ahead.next = flight
        return flight

    def landed(self, flight: Flight) -> int:
        """It has ended. Returns how many of its places nobody takes over."""
        del self.up[flight.name]
        if flight.ahead is not None:
            flight.ahead.next = None
        if flight.next is None:
            return flight.places
        flight.next.ahead = None
        flight.next.places = min(flight.places, flight.next.wanted)
        return flight.places - flight.next.places

    def unfollowed(self) -> Flight | None:
        """One that has places, and nobody behind it."""
        return next((flight for flight in self.up.values() if flight.places and flight.next is None), None)
