"""The backbone by itself: relay, consumer, codec, idle cost, latency, each beside its limit in the run."""
