# Two commands matter: `make up` (a running cluster with a sample application) and `make test`.

PYTHON ?= python3
DATA_DIR ?= /var/lib/pybernetes
VENV := .venv
BIN := $(VENV)/bin
DEBIAN := containerd runc crun containernetworking-plugins nftables conntrack catatonit busybox-static iproute2
# Test files are shared out to this many processes (tests/support/sharing_out.py); tests of one file stay together, on
# one cluster. One more than the two cores that CI has, since the first one mostly waits for containers.
WORKERS ?= 3
PYTEST := $(BIN)/pytest -q -n $(WORKERS) --dist loadfile
TEST_DEBIAN := docker-registry skopeo socat procps etcd-server etcd-client zsh fish

# Compiled files are kept, whatever the environment says: each process of a cluster under test would compile all again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help up down status install install-dev check collect test unit e2e bench conformance format clean install-kubectl

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

## make up        install what is missing, start a cluster, run a sample application
up: install
	@$(BIN)/pybernetes up --data-dir $(DATA_DIR)

## make down      stop the cluster; PURGE=1 removes every trace of it
down:
	@test -x $(BIN)/pybernetes || { echo "nothing is installed here"; exit 0; }
	@$(BIN)/pybernetes down --data-dir $(DATA_DIR) $(if $(PURGE),--purge)

## make status    what is running
status:
	@$(BIN)/pybernetes status --data-dir $(DATA_DIR)

install: $(VENV)/.installed
	@tools/install-debian $(DEBIAN)

install-dev: $(VENV)/.installed-dev
	@tools/install-debian $(DEBIAN) $(TEST_DEBIAN)
	@command -v kubectl >/dev/null || tools/install-debian kubernetes-client

$(VENV)/.installed: pyproject.toml
	@echo "Installing Python packages into $(VENV)"
	@command -v python3 >/dev/null || tools/install-debian python3
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || { tools/install-debian python3-venv && $(PYTHON) -m venv $(VENV); }
	@$(BIN)/pip install --quiet --disable-pip-version-check -e .
	@$(BIN)/python -m compileall -q src
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

## make check     format, lint, types, import rules
check: install-dev
	$(BIN)/ruff format --check src tests bench tools
	$(BIN)/ruff check src tests bench tools
	$(BIN)/mypy
	$(BIN)/lint-imports

## make unit      everything that needs no containers
unit: install-dev
	$(PYTEST) -m "not e2e"

## make e2e       real containers, in namespaces that the tests make
e2e: install-dev
	$(PYTEST) -m e2e

## make test      check, unit and e2e: what CI runs
test: install-dev
	@$(MAKE) --no-print-directory -j2 check collect
	$(PYTEST) --durations=15

# What pytest makes of the asserts is kept, so that the workers do not each compile every test again.
collect: install-dev
	@$(BIN)/pytest -q --collect-only >$(VENV)/collected || { tail -n 40 $(VENV)/collected; exit 1; }

## make conformance   build the conformance suite of v1.20 and run it (docs/conformance-suite.md); takes an hour
conformance: install-dev
	$(BIN)/python -m tools.conformance

## make bench     every benchmark
bench: install-dev
	for file in bench/*.py; do $(BIN)/python $$file || exit 1; done

## make install-kubectl   kubectl for this machine, where it has none
PREFIX ?= /usr/local
install-kubectl: install
	@! command -v kubectl >/dev/null || { echo "there is a kubectl already: $$(command -v kubectl)"; exit 1; }
	@ln -s "$(abspath $(BIN))/kubectl-pybernetes" $(PREFIX)/bin/kubectl
	@echo "installed $(PREFIX)/bin/kubectl"

format:
	$(BIN)/ruff format src tests bench tools
	$(BIN)/ruff check --fix src tests bench tools

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
