"""``python -m shop_analytics api|worker|all|migrate``."""

from __future__ import annotations

import sys

from shop_analytics.main import SERVICE
from shop_chassis.cli import run

if __name__ == "__main__":
    sys.exit(run(SERVICE))
