# Nunchi's everyday commands: `make` lists them. A fresh clone needs make and Python 3.11 or newer, nothing else.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo up audit test lint bench proof clean

VENV := .venv
BIN := $(VENV)/bin
CANDIDATES := $(or $(PYTHON),python3.13 python3.12 python3.11 python3 python)

# Public data sets for demo and benchmarks, where somebody has put them.
ifeq ($(origin NUNCHI_DATA),undefined)
ifneq ($(wildcard ../shared/data),)
export NUNCHI_DATA := $(abspath ../shared/data)
endif
endif

# A stamp bears the checksum of what it stands for: packages are installed anew when that changes, and only then.
checksum = $(firstword $(shell cksum < $(1)))
RUNTIME := $(VENV)/.runtime-$(call checksum,requirements.txt)
DEVELOPMENT := $(VENV)/.development-$(call checksum,requirements-dev.txt)

help: ## List these commands.
	@echo "Usage: make <command>"
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  %-7s %s\n", $$1, $$2}' Makefile

demo: $(RUNTIME) ## Show Nunchi with sample data in a browser; with CHECK=1, try it all out and stop.
	@$(BIN)/python manage.py demo $(if $(CHECK),--check) $(ARGS)

up: $(RUNTIME) ## Run Nunchi on this machine: web server, workers, scheduler, and a database if none is set.
	@$(BIN)/python manage.py up $(ARGS)

audit: $(RUNTIME) ## Check that nothing here is lost, doubled, late or leaking; ARGS="--all" looks at everybody.
	@$(BIN)/python manage.py audit $(ARGS)

test: $(DEVELOPMENT) ## Run the tests, on all processors; or choose some with ARGS="tests/config -x".
	@$(BIN)/python -m pytest -rsfE $(or $(ARGS),-n auto)

lint: $(DEVELOPMENT) ## Check style, types, borders between the apps, and that no migration is missing.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	@if [ -x sdk/web/node_modules/.bin/tsc ]; then \
		echo "sdk/web/node_modules/.bin/tsc --noEmit"; PATH="$(abspath $(BIN)):$$PATH" \
		sdk/web/node_modules/.bin/tsc --noEmit --project sdk/web; \
	else echo "The SDK's types are not checked: sdk/web/node_modules is not installed."; fi

bench: $(DEVELOPMENT) ## Measure speed beside references, all or one (ONLY=ingest), and write the results.
	@$(BIN)/python -m benchmarks $(ARGS)

proof: $(DEVELOPMENT) ## Run the long proofs that the tests leave out.
	@$(BIN)/python -m pytest -m proof -rsfE $(ARGS)

clean: ## Remove installed packages and caches; your data in var/state stays.
	rm -rf $(VENV) .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +

# --- packages ---------------------------------------------------------------------------------------

$(RUNTIME): | $(BIN)/pip
	@$(call install,requirements.txt)
	@rm -f $(VENV)/.runtime-* $(VENV)/.development-*
	@touch $@

$(DEVELOPMENT): | $(BIN)/pip
	@$(call install,requirements-dev.txt)
	@rm -f $(VENV)/.runtime-* $(VENV)/.development-*
	@touch $(RUNTIME) $@

# Tells every ten packages how far it is. The log keeps what pip said.
install = \
	total=$$(grep -c '==' $(1)); log=$(VENV)/install.log; \
	echo "Installing $$total packages from $(1) into $(VENV) (once; about a minute) ..."; \
	{ $(BIN)/python -m pip install --disable-pip-version-check --no-input --progress-bar off --require-hashes \
		--requirement $(1) 2>&1; echo "status $$?"; } | tee $$log | awk -v total=$$total ' \
		/^Collecting|^Processing|^Ignoring|^Requirement already/ { if (++seen % 10 == 0) print "  " seen " of " total; fflush() } \
		/^Installing collected/ { print "  unpacking"; fflush() }'; \
	tail -n 1 $$log | grep -q '^status 0$$' || { \
		tail -n 12 $$log | sed '$$d' >&2; \
		echo "The packages could not be installed; $$log has all that pip said. They come from the package" >&2; \
		echo "index of pip: check that this machine reaches it (or set PIP_INDEX_URL to one it reaches)." >&2; \
		echo "If $(VENV) itself is broken, make clean and begin anew." >&2; \
		exit 1; }

$(BIN)/pip:
	@found=; for python in $(CANDIDATES); do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			found=$$python; break; fi; done; \
	if [ -z "$$found" ]; then \
		echo "Nunchi needs Python 3.11 or newer; none of these is: $(CANDIDATES)." >&2; \
		echo "Install one (Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python@3.13)," >&2; \
		echo "or name one: make PYTHON=/path/to/python3 ..." >&2; exit 1; fi; \
	if ! $$found -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "$$found cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; \
		exit 1; fi; \
	echo "Making $(VENV) with $$found ($$($$found --version)) ..."; \
	$$found -m venv --clear $(VENV) || { rm -rf $(VENV); \
		echo "The virtual environment could not be made. On Debian and Ubuntu: apt install python3-venv" >&2; \
		exit 1; }
