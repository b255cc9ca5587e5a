# make demo   sets up, then goes the whole way once: photograph -> weights -> C -> emulated board
# make test   sets up, then runs every test
# make zoo    sets up, then prints what seven networks from PyTorch measure; FILES="a.onnx" adds files
# make bench  sets up, then prints what networks cost on a target; FILES="a.onnx", TARGET=cortex-m3
# make curves sets up, then prints what less RAM costs in cycles; FILES and TARGET as for bench
# make plans  sets up, then compares memory plans with what is possible at least
# make powercut sets up, then cuts the power at every flash operation of a device's life; LONG=1 for all ways
# make ablation sets up, then trains and measures variants of the recipe; IMAGES=DIR (hours)
# make fuzz   sets up, then fuzzes what reads strangers' bytes; SECONDS=1200 for each reader
# make clean  removes what the two have made (the virtual environment too)

PYTHON ?= python3
BIN := .venv/bin
TARGET ?= cortex-m4

IMAGES ?= lfw250
SECONDS ?= 60

.PHONY: demo test zoo bench curves plans powercut ablation fuzz clean setup-demo setup-test

demo: setup-demo
	$(BIN)/hvcodegen demo

test: setup-test
	$(BIN)/python -m pytest -n 2

zoo: setup-test
	$(BIN)/python -m tests.importing.zoo_table $(FILES)

bench: setup-test
	$(BIN)/python -m tests.bench.table --target $(TARGET) $(FILES)

curves: setup-test
	$(BIN)/python -m tests.bench.curves --target $(TARGET) $(FILES)

ablation: setup-test
	$(BIN)/python -m tests.bench.ablation $(IMAGES) --write docs/training.md
	$(BIN)/python -m tests.bench.pareto --write docs/training.md

powercut: setup-test
	$(BIN)/python -m tests.powercut.table $(if $(LONG),--long)

plans: setup-test
	$(BIN)/python -m tests.codegen.plan_gap

fuzz: setup-test
	$(BIN)/python -m tests.fuzz.fuzz --seconds $(SECONDS)

setup-demo:
	@PYTHON=$(PYTHON) bash host_tools/bootstrap.sh demo

setup-test:
	@PYTHON=$(PYTHON) bash host_tools/bootstrap.sh test

clean:
	rm -rf .venv build dist
