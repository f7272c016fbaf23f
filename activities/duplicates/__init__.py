"""Parts of the duplicate check: embeddings of texts, existing items that must not be repeated, and item diversity."""
