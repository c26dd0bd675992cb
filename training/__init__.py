"""The recipe by which the reader that ships with qa is trained."""
