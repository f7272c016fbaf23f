"""Topic trees, and datasets over them."""
