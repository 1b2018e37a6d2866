"""The embedded stack of a laptop: MongoDB, Kafka, provider sandbox, gateway, and what supervises them."""
