"""What operators do with topics and parked events, without a screen: the command line shows it."""
