"""The demo: invoices become orders of a running shop, over HTTP; every receipt is checked to the penny."""
