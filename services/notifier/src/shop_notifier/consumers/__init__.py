"""What notifier does about the events of others: one module per owner."""
