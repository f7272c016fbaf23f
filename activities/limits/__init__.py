"""When a call may start: rate limits (requests and tokens a minute), adaptive concurrency, slots handed over."""
