"""Outward ports: the payment provider."""
