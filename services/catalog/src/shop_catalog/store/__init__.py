"""MongoDB: one repository a noun, the indexes and validators of the collections."""
