"""Records + model -> Predictions: label and option scoring, likelihood, generation, parsing of answers."""
