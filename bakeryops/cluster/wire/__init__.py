"""Structs of the parts of API objects that bakeryops reads."""
