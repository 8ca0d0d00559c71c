# Every target sets up what it needs in .venv by itself; the second time that costs nothing.
# `make run` and `make test` are all that a new machine with Python 3.11+ and make needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
ARGS ?=

.PHONY: help run test check audit format bench bench-compare flame outage soak fuzz lock clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*  ## /make \1	/p' $(MAKEFILE_LIST)

run: $(VENV)/.run  ## start the gateway with an emulated Amazon EventBridge inside
	@exec $(BIN)/gateway dev $(ARGS)

test: $(VENV)/.dev  ## run the tests
	@$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.dev  ## check format, lint rules, security rules and types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive gateway
	@$(BIN)/mypy

audit: build/audit/.done build/shipped/.done  ## ask for known vulnerabilities of what ships, and list it in build/sbom.json
	@echo "Listing what ships in build/sbom.json (CycloneDX, checked against its schema)"
	@build/audit/bin/cyclonedx-py environment build/shipped --pyproject pyproject.toml \
		--output-reproducible --output-format JSON --output-file build/sbom.json
	@echo "Asking for known vulnerabilities of what requirements/run.txt pins"
	@build/audit/bin/pip-audit --requirement requirements/run.txt --require-hashes --disable-pip --strict \
		--progress-spinner off $(ARGS) || { echo "Not passed: something is vulnerable, or could not be asked about; \
	see above (another service: make audit ARGS='--vulnerability-service osv')"; exit 1; }

format: $(VENV)/.dev  ## format the code and mend what the linter can mend
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

bench: $(VENV)/.dev  ## measure everything; adds a row to build/bench.jsonl
	@$(BIN)/python -m benchmarks $(ARGS)

bench-compare: $(VENV)/.dev  ## measure in turn with another commit: make bench-compare BASE=main~5
	@test -n "$(BASE)" || { echo "Name a commit: make bench-compare BASE=main~5"; exit 2; }
	@$(BIN)/python -m benchmarks.compare "$(BASE)" $(ARGS)

flame: $(VENV)/.dev  ## draw where the time goes, in build/flame-*.svg
	@$(BIN)/python -m benchmarks.flame $(ARGS)

outage: $(VENV)/.dev  ## take the bus away for a minute under load: losses, memory, recovery
	@$(BIN)/python -m benchmarks.outage $(ARGS)

soak: $(VENV)/.dev  ## ten minutes of load before a bus that fails in every way
	@$(BIN)/python -m benchmarks.soak $(ARGS)

fuzz: $(VENV)/.dev build/fuzz/.done  ## a million spoilt requests, read as h11 and Node read them or refused
	@PYTHONPATH=build/fuzz $(BIN)/python -m benchmarks.fuzz $(ARGS)

lock: $(VENV)/.dev  ## pin the newest allowed versions of every dependency, with hashes
	@$(LOCK) pyproject.toml requirements/build.in --output-file requirements/run.txt
	@$(LOCK) --extra dev --extra sigv4a --constraints requirements/run.txt \
		pyproject.toml requirements/build.in --output-file requirements/dev.txt
	@$(LOCK) requirements/audit.in --output-file requirements/audit.txt
	@$(LOCK) requirements/fuzz.in --output-file requirements/fuzz.txt
	@for name in build aws alibaba huawei; do \
		$(LOCK) requirements/vendors/$$name.in --output-file requirements/vendors/$$name.txt; done

LOCK = $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

clean:  ## remove everything that the other targets made
	rm -rf $(VENV) build *.egg-info .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	@echo "Creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { rm -rf $(VENV); echo "This Python cannot make virtual environments (on Debian: apt install python3-venv)"; exit 1; }

$(VENV)/.run: $(BIN)/python requirements/run.txt pyproject.toml
	@echo "Installing what the gateway needs, as pinned in requirements/run.txt"
	@$(PIP) install --require-hashes --requirement requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(BIN)/python requirements/dev.txt pyproject.toml
	@echo "Installing what the gateway and its tests need, as pinned in requirements/dev.txt"
	@$(PIP) install --require-hashes --requirement requirements/dev.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/.run

build/audit/.done: requirements/audit.txt
	@echo "Installing pip-audit and cyclonedx-py in build/audit, as pinned in requirements/audit.txt"
	@$(PYTHON) -m venv --clear build/audit
	@build/audit/bin/python -m pip --quiet --disable-pip-version-check install --require-hashes \
		--requirement requirements/audit.txt
	@touch $@

# Beside the environment, not in it: where there is no wheel the mutations go on without coverage.
build/fuzz/.done: $(VENV)/.dev requirements/fuzz.txt
	@echo "Installing atheris in build/fuzz, as pinned in requirements/fuzz.txt"
	@$(PIP) install --require-hashes --only-binary :all: --upgrade --target build/fuzz \
		--requirement requirements/fuzz.txt || echo "atheris has no wheel for this Python and machine"
	@mkdir -p build/fuzz && touch $@

# What ships and nothing else: an environment of its own, so that the list names no tool and no test's library.
build/shipped/.done: requirements/run.txt pyproject.toml build/audit/.done
	@echo "Installing what ships in build/shipped, as pinned in requirements/run.txt"
	@$(PYTHON) -m venv --clear --without-pip build/shipped
	@build/audit/bin/python -m pip --python build/shipped/bin/python --quiet --disable-pip-version-check \
		install --require-hashes --no-deps --requirement requirements/run.txt
	@build/audit/bin/python -m pip --python build/shipped/bin/python --quiet --disable-pip-version-check \
		install --no-deps --no-build-isolation --editable .
	@touch $@
