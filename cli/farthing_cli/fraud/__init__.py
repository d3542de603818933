"""The offline half of the fraud part: training, measuring and packing models. Never deployed."""
