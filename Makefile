# make demo   sets up, then goes the whole way once: photograph -> weights -> C -> emulated board
# make test   sets up, then runs every test
# make zoo    sets up, then prints what seven networks from PyTorch measure; FILES="a.onnx" adds files
# make clean  removes what the two have made (the virtual environment too)

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test zoo clean setup-demo setup-test

demo: setup-demo
	$(BIN)/hvcodegen demo

test: setup-test
	$(BIN)/python -m pytest -n 2

zoo: setup-test
	$(BIN)/python -m tests.importing.zoo_table $(FILES)

setup-demo:
	@PYTHON=$(PYTHON) bash host_tools/bootstrap.sh demo

setup-test:
	@PYTHON=$(PYTHON) bash host_tools/bootstrap.sh test

clean:
	rm -rf .venv build dist
