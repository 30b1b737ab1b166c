# Each target makes the virtual environments that it needs.
PYTHON ?= python3
VENV ?= .venv
PIP_OPTIONS ?= --quiet
RUN = $(VENV)/bin/python

# All tests, on TensorFlow.
test: $(VENV)/ready
	KERAS_BACKEND=tensorflow $(RUN) -m pytest

# A small network learns which way up photographs are.
demo: $(VENV)/ready
	KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=2 $(RUN) examples/natural_filters.py

# All tests on JAX and PyTorch too, without TensorFlow, and the same scores on all three.
test-backends: test $(VENV)-jax/ready $(VENV)-torch/ready
	KERAS_BACKEND=jax $(VENV)-jax/bin/python -m pytest
	KERAS_BACKEND=torch $(VENV)-torch/bin/python -m pytest
	$(RUN) tests/compare_backends.py tensorflow=$(RUN) \
		jax=$(VENV)-jax/bin/python torch=$(VENV)-torch/bin/python

clean:
	rm -rf $(VENV) $(VENV)-jax $(VENV)-torch logs before-after.png filters.gif templates.png

$(VENV)/ready: EXTRAS = tensorflow,examples,test,test-tensorflow
$(VENV)-jax/ready: EXTRAS = jax,test,test-jax
$(VENV)-torch/ready: EXTRAS = torch,test
$(VENV)/ready $(VENV)-jax/ready $(VENV)-torch/ready: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install $(PIP_OPTIONS) --editable ".[$(EXTRAS)]"
	touch $@

.PHONY: test demo test-backends clean
