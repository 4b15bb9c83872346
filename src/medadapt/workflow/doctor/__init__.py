"""`doctor`: what this machine has for the work, and what is in its way.

requirements   the packages that are needed, beside those that are installed
examination    all of it: packages, devices, room on the disk, the hub
"""
