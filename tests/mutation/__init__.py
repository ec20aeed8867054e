"""Do the tests notice a fault? Single mutations of the product, and the tests that belong to them.

python -m tests.mutation draw --n 60 --seed 13 --to mutations.json     # from the tree at hand
python -m tests.mutation locate mutations.json --to located.json       # the same statements in a later tree
python -m tests.mutation run located.json --to results.json            # which of them does a test catch?
"""
