"""The files of a run in a folder or a bucket: their names, how they are encoded, and how they are found again."""
