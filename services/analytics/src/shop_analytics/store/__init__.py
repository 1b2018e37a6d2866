"""What analytics keeps in MongoDB: counts, watches, alerts, read models, and how far each stream was read."""
