"""One call of a model: its prompt, request body, HTTP, errors, cost, and the check of the items that come back.

Order: request_body, http_errors, http_client, pricing, item_check < environment, misfit < endpoints, http_call <
batch_context < prompt < call.
"""
