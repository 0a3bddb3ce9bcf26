"""What the parts of bakeryops cost: `python -m benchmarks --help`."""
