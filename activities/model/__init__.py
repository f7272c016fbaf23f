"""One call of a model: prompt, request body, HTTP, errors, cost, and the check of the items that come back."""
