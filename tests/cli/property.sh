#!/bin/sh
# Random databases, with fixed seeds, against a model: see harness/property.py.
# ROWBACK_SEEDS="1 2 3" tries others.
. "$(dirname "$0")/../harness/cli.sh"
. "$root/tests/harness/stores.sh"
need sqlite3 git python3

agrees_with_the_model() {
	place seed
	python3 "$root/tests/harness/property.py" "$ROWBACK" "$1"
}

for seed in ${ROWBACK_SEEDS:-1 2 3 4 5 6 7 8}; do
	check "seed $seed agrees with the model" agrees_with_the_model "$seed"
done
