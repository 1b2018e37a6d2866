"""Catalog by itself: products read, ordered and imported, each beside the driver with nothing around it."""
