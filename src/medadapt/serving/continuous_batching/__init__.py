"""Many answers written at once by one copy of the model: requests join while others are being answered."""
