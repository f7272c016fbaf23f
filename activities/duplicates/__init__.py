"""What a search for duplicates needs: embeddings, items that exist already, a measure of diversity."""
