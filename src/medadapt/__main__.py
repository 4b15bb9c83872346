"""`python -m medadapt` is the same command as `medadapt`."""

from medadapt.cli.app import main

main()
