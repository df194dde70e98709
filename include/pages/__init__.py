"""What all pages share: their look, and how they are rendered."""
