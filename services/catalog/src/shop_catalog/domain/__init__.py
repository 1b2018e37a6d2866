"""The rules of products, stock, orders and payments. No I/O, no framework."""
