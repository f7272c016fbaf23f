"""`report.html`: one file that tells, without a network, what a run made, how, and at what cost."""

KEY = "report.html"
"""Its place in the store."""
