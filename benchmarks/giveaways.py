"""What position and texture tell of the standard profile's sets, into results/standard.

python benchmarks/giveaways.py
"""

from imdl_lib import giveaways

if __name__ == "__main__":
    giveaways.write()
