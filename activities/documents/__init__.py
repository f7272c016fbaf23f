"""Input files as text: PDF, Word, database tables, and what is uploaded for workers elsewhere."""
