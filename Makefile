# Seatwarden's chores. `make help` lists them. PYTHON=… names the Python to work with, ARGS=… is passed on.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# Without PYTHON an existing .venv keeps the one that it was made with.
PYTHON ?= $(shell test -e .venv/made-from && .venv/bin/python -c 'import sys; print(sys.executable)' 2>/dev/null || echo python3)
BIN := .venv/bin
ARGS ?=
# One pytest worker per processor; more than eight only get in each other's way at the one API server.
WORKERS ?= auto
UV ?= uv

export MAKE_GOAL := $(firstword $(MAKECMDGOALS))

.PHONY: help venv tools stripe helm run e2e test lint simulate mutate format bench generate lock clean

help:  ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

venv:  ## Make .venv from the pinned packages (make venv PYTHON=python3.12)
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) on this machine. Name a Python 3.11 or newer: make $(MAKE_GOAL) PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) scripts/venv.py

tools: venv  ## Build etcd, kube-apiserver, kube-controller-manager and kubectl (once, about 6 minutes)
	@$(BIN)/seatwarden tools

stripe: venv  ## Build stripe-mock, which says what Stripe's API is like (once, 20 seconds)
	@$(BIN)/python -m tests.stripe.mock_build >.cache/stripe-mock.log

helm: venv  ## Build Helm, with which the chart is tested (once, 3 minutes)
	@$(BIN)/python -m tests.chart.helm_build >.cache/helm.log

run: venv  ## Run everything on this machine and show what it does (make run ARGS=--check)
	@$(BIN)/seatwarden dev $(ARGS)

lint: venv  ## Check style, types and layers
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet || { echo "Some files are not formatted: run make format" >&2; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports >.cache/lint-imports.log 2>&1 || { cat .cache/lint-imports.log >&2; exit 1; }
	@$(BIN)/python -m seatwarden.resources.generate --check
	@$(BIN)/python -m docs.generate_reference --check
	@$(BIN)/python -m docs.argo_cd --check
	@$(BIN)/python -m charts.generate --check

test: tools stripe helm lint  ## Run every check and every test (make test ARGS='tests/domain -k phase')
ifeq ($(strip $(ARGS)),)
	@rm -f .coverage .coverage.*
	@$(BIN)/pytest --quiet --numprocesses=$(WORKERS) --maxprocesses=8 --cov --cov-report=term
	@$(BIN)/coverage report --include='operator/seatwarden/domain/*' --fail-under=90 >.cache/coverage-domain.log || { cat .cache/coverage-domain.log >&2; exit 1; }
else
	@$(BIN)/pytest --quiet --numprocesses=$(WORKERS) --maxprocesses=8 $(ARGS)
endif

e2e: tools helm  ## Try the chart on a cluster with real pods (make e2e KUBECONFIG=… ARGS='--image repository:tag')
	@test -n "$(KUBECONFIG)" || { echo "make e2e wants a cluster: make e2e KUBECONFIG=/path/to/kubeconfig ARGS='--image repository:tag'" >&2; exit 1; }
	@$(BIN)/python -m e2e.chart_story --kubeconfig "$(KUBECONFIG)" $(ARGS)

simulate: venv  ## Run simulated worlds of seats with fresh seeds (make simulate ARGS='--seeds 1000')
	@$(BIN)/python -m tests.authority.simulation $(ARGS)

mutate: venv  ## Try every small mistake in the seat scripts against their tests (about a minute)
	@$(BIN)/python -m tests.authority.mutants $(ARGS)

format: venv  ## Format the code and apply the safe fixes
	@$(BIN)/ruff check --fix --quiet
	@$(BIN)/ruff format

bench: tools  ## Run a benchmark (make bench ARGS=operator)
	@$(BIN)/python -m bench $(ARGS)

generate: venv  ## Write the CRDs, the reference pages, the chart's generated files and what Argo CD needs anew
	@$(BIN)/python -m seatwarden.resources.generate
	@$(BIN)/python -m docs.generate_reference
	@$(BIN)/python -m docs.argo_cd
	@$(BIN)/python -m charts.generate

lock:  ## Pin the newest allowed versions (needs uv)
	@command -v $(UV) >/dev/null || { echo "make lock needs uv: pip install uv" >&2; exit 1; }
	@$(UV) pip compile --quiet --upgrade --universal --python-version=3.11 --generate-hashes --no-emit-index-url --no-header --extra=dev --output-file=requirements/dev.txt pyproject.toml
	@$(UV) pip compile --quiet --upgrade --universal --python-version=3.11 --generate-hashes --no-emit-index-url --no-header --constraint=requirements/dev.txt --extra=fast --extra=google --output-file=requirements/runtime.txt pyproject.toml
	@echo 'setuptools>=80' | $(UV) pip compile --quiet --upgrade --universal --python-version=3.11 --generate-hashes --no-emit-index-url --no-header --constraint=requirements/dev.txt --output-file=requirements/build.txt -

clean:  ## Remove what can be made again, except the built tools
	@rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache htmlcov build dist
	@rm -f .coverage .coverage.*
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@rm -rf *.egg-info operator/*.egg-info
