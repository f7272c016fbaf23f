"""The numbers of a request, each with an upper bound: Python's integers have none, but times, JSON and databases do."""

from typing import Annotated

from pydantic import Field, StrictInt

MAX_TARGET = 1_000_000
"""Items of one run."""
MAX_TOKENS_OF_CALL = 100_000_000

Count = Annotated[StrictInt, Field(ge=1, le=MAX_TARGET)]
"""A number of items, batches or calls."""
TokensOfCall = Annotated[StrictInt, Field(ge=1, le=MAX_TOKENS_OF_CALL)]
TokensOfRun = Annotated[StrictInt, Field(ge=1, le=10**15)]
"""A cap on the tokens of all calls."""
Seconds = Annotated[StrictInt, Field(ge=1, le=86_400)]
"""The time limit of one call: a day at most."""
Rate = Annotated[StrictInt, Field(ge=1, le=10**9)]
"""Calls or tokens per minute."""
Seed = Annotated[StrictInt, Field(ge=-(2**63), le=2**63 - 1)]
