"""What analytics knows of attention, popularity, companions of products, and trouble. No I/O."""
