"""Hyper-parameter search: trials judged on validation alone, and the best one's adapter measured once on test."""
