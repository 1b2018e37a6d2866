"""What notifier does as time goes by: sending what is queued, settling what nobody knows."""
