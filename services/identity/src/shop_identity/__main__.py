"""`python -m shop_identity api|worker|all|migrate|republish|create-admin`."""

import sys

from shop_chassis.cli import run
from shop_identity.main import SERVICE

sys.exit(run(SERVICE))
