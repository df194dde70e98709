"""Phone calls: why they came, how they ended, who has to do what."""
