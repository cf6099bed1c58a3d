# make bench   set up, measure the post's 25 configurations on built-in scenes, draw the chart
#              (WITHIN=7m: the time that they share; with two cores under ten minutes in all)
# make coco    set up, fetch what has an address, measure them on COCO val2017, draw the chart
#              (goes on where it was stopped; RUN_FLAGS="--limit 100" for a part of the images)
# make test    set up, run the tests
# make check   set up, run formatter, linters, types, layer contracts
# make docs    write docs/json.md anew from the types of what is printed, and the table of docs/edge.md
# make accept  list, then copy, golden files from ../shared (GOLDENS="folder/file ...")

PYTHON ?= python3
VENV ?= .venv
WITHIN ?= 7m
OUT ?= bench
COCO_OUT ?= bench-coco
RUN_FLAGS ?=
PIP_FLAGS ?=

BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: bench coco test check docs accept format clean

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "PoseMark needs Python 3.11 or newer; $(PYTHON) is older. Use: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "setting up $(VENV) (once; downloads about 600 MB)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) -c constraints.txt --editable . --group dev
	@touch $@

bench: $(READY)
	@rm -rf $(OUT)
	@$(BIN)/posemark run seed --data sample --within $(WITHIN) --out $(OUT)
	@$(BIN)/posemark report $(OUT) -o $(OUT)/report.html -o $(OUT)/chart.svg -o $(OUT)/chart.png -o $(OUT)/table.md
	@echo "open $(OUT)/report.html"

coco: $(READY)
	@$(BIN)/posemark get seed
	@$(BIN)/posemark run seed --data coco --boxes papers --weights best --out $(COCO_OUT) --resume $(RUN_FLAGS)
	@$(BIN)/posemark report $(COCO_OUT) -o $(COCO_OUT)/report.html -o $(COCO_OUT)/chart.svg -o $(COCO_OUT)/chart.png -o $(COCO_OUT)/table.md
	@echo "open $(COCO_OUT)/report.html"

test: $(READY)
	@$(BIN)/python -m pytest --numprocesses=2 --quiet $(PYTEST_FLAGS)

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports
	$(BIN)/deptry src
	$(BIN)/typos

docs: $(READY)
	@$(BIN)/python tests/json_page.py
	@$(BIN)/python tests/edge_page.py

accept: $(READY)
	@$(BIN)/python tests/accept.py $(GOLDENS)

format: $(READY)
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) $(OUT) $(COCO_OUT) .pytest_cache .ruff_cache .hypothesis .import_linter_cache
