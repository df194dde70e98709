"""Support tickets: which queue, how urgent, what is wrong, what is asked for."""
