"""The one engine of every change: plans are saved, carried out by a process of their own, and journaled."""
