"""What is drawn: tables of ratings, datasets, splits, recipes and parameters, sound ones and broken ones."""
