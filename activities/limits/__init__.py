"""When a call may start: rate limits (calls and tokens per minute), and adaptive concurrency after 429s.

Order: rate_leases < rate_queue < rate_turn; concurrency stands alone.
"""
