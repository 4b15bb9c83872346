"""What every folder shares: the recipe, records and results, errors, files and hashes. No ML imports."""
