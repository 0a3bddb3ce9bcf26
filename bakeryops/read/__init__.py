"""Pure functions from wire Structs to model values."""
