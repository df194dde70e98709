"""App store reviews: how customers feel, and each bug, wish, complaint, praise or question in their words."""
