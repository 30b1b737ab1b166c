# make test: all tests; make demo: the example of the README. Both make a virtual environment first.
PYTHON ?= python3
VENV ?= .venv
RUN = $(VENV)/bin/python

test: $(VENV)/ready
	$(RUN) -m pytest

demo: $(VENV)/ready
	TF_CPP_MIN_LOG_LEVEL=2 $(RUN) examples/natural_filters.py

$(VENV)/ready: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --editable ".[tensorflow,examples,test]"
	touch $@

clean:
	rm -rf $(VENV) logs before-after.png

.PHONY: test demo clean
