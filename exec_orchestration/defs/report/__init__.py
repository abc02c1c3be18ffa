"""The learning report: its figures as values, the page that shows them, and the asset that writes it."""
