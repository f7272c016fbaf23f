"""The ledger and `report.html`, one file that shows without a network what a run made, how, and at what cost.

Order: call_notes < ledger < slot_rows, totals, packed_blocks < page_rows, page_values < page.
"""

PAGE_KEY = "report.html"
"""The page's key in the store."""
