"""``python -m shop_catalog api|worker|all|migrate|republish``."""

from __future__ import annotations

import sys

from shop_catalog.main import SERVICE
from shop_chassis.cli import run

if __name__ == "__main__":
    sys.exit(run(SERVICE))
