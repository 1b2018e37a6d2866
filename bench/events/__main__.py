"""``python -m bench.events [name …]``: measure all, or those that are named."""

from __future__ import annotations

import gc

from bench.__main__ import main
from bench.events import codec, consume, idle, latency, relay

CASES = {
    "codec": codec.compare,
    "relay": relay.compare,
    "consume": consume.compare,
    "latency": latency.compare,
    "idle": idle.compare,
}

if __name__ == "__main__":
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)  # as services do once they have started
    raise SystemExit(main("make bench-events", CASES))
