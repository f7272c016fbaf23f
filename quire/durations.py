"""Lengths of time as people read them."""


def format_duration(seconds: float) -> str:
    """Format a length of time: `45 s`, `1 min 20 s`, `2 h 10 min`, `3 d 4 h`."""
    total = round(seconds)
    for large, small, large_unit, small_unit in (
        (86_400, 3600, "d", "h"),
        (3600, 60, "h", "min"),
        (60, 1, "min", "s"),
    ):
        if total >= large:
            remainder = total % large // small
            return f"{total // large} {large_unit}" + (f" {remainder} {small_unit}" if remainder else "")
    return f"{total} s"
