"""``python -m shop_notifier api|worker|all|migrate``."""

from __future__ import annotations

import sys

from shop_chassis.cli import run
from shop_notifier.main import SERVICE

if __name__ == "__main__":
    sys.exit(run(SERVICE))
