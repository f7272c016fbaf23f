"""Everything that touches the world: the model, the store, documents."""
