"""`python -m medadapt.samples.generating`: write the package data in `samples/data` anew."""

from medadapt.samples.bundled import DATA
from medadapt.samples.generating.contents import sample_contents
from medadapt.samples.generating.writing import write_files

PACKAGE_SEED = 0

if __name__ == "__main__":
    write_files(DATA, sample_contents(PACKAGE_SEED), replace=True)
