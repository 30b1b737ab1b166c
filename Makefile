# Each target makes the virtual environments that it needs.
PYTHON ?= python3
VENV ?= .venv
PIP_OPTIONS ?= --quiet
RUN = $(VENV)/bin/python
# As many processes as there are processors; `make test PYTEST_OPTIONS=` has one.
PYTEST_OPTIONS ?= -n auto --dist worksteal

# All tests, on TensorFlow.
test: $(VENV)/ready
	KERAS_BACKEND=tensorflow $(RUN) -m pytest $(PYTEST_OPTIONS)

# A small network learns which way up photographs are.
demo: $(VENV)/ready
	KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=2 $(RUN) examples/natural_filters.py

# All tests on JAX and PyTorch too, without TensorFlow, and the same scores on all three.
test-backends: test $(VENV)-jax/ready $(VENV)-torch/ready
	KERAS_BACKEND=jax $(VENV)-jax/bin/python -m pytest $(PYTEST_OPTIONS)
	KERAS_BACKEND=torch $(VENV)-torch/bin/python -m pytest $(PYTEST_OPTIONS)
	$(RUN) tests/compare_backends.py tensorflow=$(RUN) \
		jax=$(VENV)-jax/bin/python torch=$(VENV)-torch/bin/python

# What writes to trackers and to a local S3 server, on JAX. The packages of both take 1.9 GB.
test-trackers: $(VENV)-trackers/ready
	KERAS_BACKEND=jax $(VENV)-trackers/bin/python -m pytest -m "trackers or remote"

# The JavaScript of the page: its format, faults, types and tests. Needs Node.js 20.19 or newer.
test-page: tests/page/node_modules/.package-lock.json
	cd tests/page && npm run --silent check && npm run --silent types && npm test --silent

tests/page/node_modules/.package-lock.json: tests/page/package.json tests/page/package-lock.json
	cd tests/page && npm ci --silent

clean:
	rm -rf $(VENV) $(VENV)-jax $(VENV)-torch $(VENV)-trackers logs before-after.png filters.gif templates.png \
		tests/page/node_modules

$(VENV)/ready: EXTRAS = tensorflow,examples,test,test-tensorflow
$(VENV)-jax/ready: EXTRAS = jax,test,test-jax
$(VENV)-torch/ready: EXTRAS = torch,test
$(VENV)-trackers/ready: EXTRAS = jax,test,test-jax,test-remote,mlflow,trackio,wandb
$(VENV)/ready $(VENV)-jax/ready $(VENV)-torch/ready $(VENV)-trackers/ready: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install $(PIP_OPTIONS) --editable ".[$(EXTRAS)]"
	touch $@

.PHONY: test demo test-backends test-trackers test-page clean
