"""The composition root: builds each object once, by plain constructor calls."""
