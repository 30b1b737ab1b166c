#!/usr/bin/env bash
# A step of a pipeline that fails if a saved model has dead layers or an alarm, or cannot be read.
#
#   examples/pipeline.sh model.keras ...    audits these files
#   examples/pipeline.sh                    saves a small model first, as a training would
#
# Environment: FAIL_ON, what fails (see docs/cli.md); RESULTS, the folder for the table and the
# pictures; KERAS_FILTERWATCH, the command. It needs no GPU; the files may come from anyone, since
# nothing in them is run.
set -euo pipefail

fail_on=${FAIL_ON:-dead=0.2,alarm,unreadable}
results=${RESULTS:-filters}
filterwatch=${KERAS_FILTERWATCH:-keras-filterwatch}
mkdir -p "$results"

if [ $# -eq 0 ]; then
    # in place of your training: a network whose first layer learnt to tell stripes apart
    "${PYTHON:-python3}" - "$results/model.keras" <<'PYTHON'
import sys

import keras
import numpy as np

keras.utils.set_random_seed(0)
angles = np.random.default_rng(0).uniform(0, np.pi, 512)
y, x = np.mgrid[:16, :16]
waves = np.cos(angles)[:, None, None] * x + np.sin(angles)[:, None, None] * y
stripes, classes = np.sin(waves)[..., None], (angles // (np.pi / 4)).astype(int)
model = keras.Sequential(
    [
        keras.layers.Input((16, 16, 1)),
        keras.layers.Conv2D(16, 7, activation="relu", name="stripes"),
        keras.layers.GlobalMaxPooling2D(),
        keras.layers.Dense(4, activation="softmax", name="classes"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy")
model.fit(stripes, classes, epochs=5, verbose=0)
model.save(sys.argv[1])
PYTHON
    set -- "$results/model.keras"
fi

status=0
# one that may be several words, such as "python -m keras_filterwatch"
# shellcheck disable=SC2086
$filterwatch audit --fail-on "$fail_on" --format markdown --output "$results/audit.md" \
    --images "$results/pictures" "$@" || status=$?

# on GitHub, the page of the run shows it
if [ -n "${GITHUB_STEP_SUMMARY:-}" ] && [ -f "$results/audit.md" ]; then
    cat "$results/audit.md" >>"$GITHUB_STEP_SUMMARY"
fi

case $status in
    0) echo "None of $fail_on: see $results/audit.md." ;;
    1) echo "A file meets one of $fail_on: see $results/audit.md." >&2 ;;
    2 | 3) echo "Something could not be audited, which is no good sign either." >&2 ;;
    *) echo "keras-filterwatch ended with status $status." >&2 ;;
esac
exit "$status"
