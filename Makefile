# Set-up, tests and demo of Perdure. `make` alone prints what there is.

.DEFAULT_GOAL := help

INSTALLED := .venv/.installed
BIN := .venv/bin

.PHONY: help
help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: install
install: $(INSTALLED) ## Make .venv with the core, the four plugins and every tool (PYTHON=... chooses its Python)
	@:

# A virtual environment does not survive a move of the clone: the stamp says where it was made.
ifneq ($(shell cat $(INSTALLED) 2>/dev/null),$(CURDIR))
.PHONY: $(INSTALLED)
endif
$(INSTALLED): pyproject.toml setup.py $(wildcard plugins/*/pyproject.toml) deploy/set-up deploy/debian-packages
	@PYTHON="$(PYTHON)" sh deploy/set-up

.PHONY: demo
demo: install ## Set up and run one goal per bundled agent on a real Temporal server
	@$(BIN)/python examples/demo.py

# The environment `all` runs every test on .venv's own Python, so that py311 or its like need not.
.PHONY: test
test: install ## Set up and run every test (TOX="-e lint,core" runs some)
	@$(if $(TOX),:,$(BIN)/python -m tests.support.programs)
	$(BIN)/tox run-parallel --parallel 2 --result-json .tox/result.json --skip-env "^$$($(BIN)/python -c 'import sys; print("py%d%d" % sys.version_info[:2])')$$" $(TOX) \
		|| { $(BIN)/python deploy/failed-tests .tox/result.json; exit 1; }

.PHONY: faults
faults: install ## Run 3,000 goals while workers, server, stores and models fail (PERDURE_FAULT_SEED=... repeats)
	$(BIN)/python -m tests.faults

.PHONY: cluster
cluster: install ## Run deploy/compose.yaml without Docker: each service's program, on loopback, until Ctrl-C
	@$(BIN)/python -m deploy.native

.PHONY: requests
requests: install ## Send the API what its OpenAPI document allows, and what it does not (EXAMPLES=... an operation)
	PERDURE_SCHEMA_EXAMPLES=$(or $(EXAMPLES),500) $(BIN)/python -m pytest -q tests/api/test_generated_requests.py

.PHONY: evals
evals: install ## Try the agents on what has known answers (MODEL=... asks one; PEERS=1 compares)
	$(BIN)/python -m evals $(if $(MODEL),--model $(MODEL)) $(if $(PEERS),--peers)

.PHONY: docs
docs: install ## Build the documentation's site into build/docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs build/docs
	@echo "Open build/docs/index.html"

.PHONY: dist
dist: install ## Build every distribution into dist/, check it, and install each wheel afresh
	@sh deploy/build-distributions

.PHONY: lint
lint: install ## Check style, formatting, types, import rules and workflows
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	PATH="$(CURDIR)/$(BIN):$$PATH" sh deploy/lint-workflows

.PHONY: clean
clean: ## Remove everything that make install, make test and builds made
	rm -rf .venv .tox build dist *.egg-info plugins/*/build plugins/*/dist plugins/*/src/*.egg-info
	rm -rf .coverage* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
