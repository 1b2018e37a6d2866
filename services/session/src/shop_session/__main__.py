"""``python -m shop_session api|worker|all|migrate``."""

from __future__ import annotations

import sys

from shop_chassis.cli import run
from shop_session.main import SERVICE

if __name__ == "__main__":
    sys.exit(run(SERVICE))
