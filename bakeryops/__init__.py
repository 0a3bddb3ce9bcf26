"""Operations console for Bakery-IA."""

__version__ = "0.1.0"
