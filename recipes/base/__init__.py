"""What all recipes share: the base class, schema parts, document blocks."""
