# The commands of this project. `make` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CLIENTS := .clients
BROWSER := .venv-browser
FUZZ := .venv-fuzz
CLIENT_GROUPS := $(basename $(notdir $(wildcard tests/clients/requirements/*.in)))
COMPILE := $(BIN)/uv pip compile --quiet --universal --upgrade --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links

SECONDS ?= 600

.DEFAULT_GOAL := help
.PHONY: help run demo bench test test-clients test-faults test-browser soak screenshots check audit format docs lock lock-clients clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: $(VENV)/.runtime ## Run the gateway on port 8080 (PORT=... for another)
	@exec $(BIN)/python -m app

demo: $(VENV)/.development ## Run the gateway against bots of its own: no Poe key needed
	@exec $(BIN)/python -m demo

bench: $(VENV)/.development ## Measure the gateway beside others (ARGS=--quick: a minute or so)
	$(BIN)/python -m bench.run $(ARGS)

# They wait more than they work, so there are more processes than cores; each has whole files of them.
test: $(VENV)/.development ## Run the tests (ARGS="-k name" for some)
	$(BIN)/python -m pytest -n 4 --dist loadfile $(ARGS)

test-clients: $(VENV)/.development $(CLIENT_GROUPS:%=$(CLIENTS)/%/.installed) tests/clients/node_modules/.installed ## Try real clients against the demo's bots (ARGS=NAME for some)
	$(BIN)/python -m tests.clients.run $(ARGS)

test-browser: $(BROWSER)/.ready ## Run the panel in Chromium, which must be installed (CHROMIUM=... names another)
	$(BROWSER)/bin/python -m pytest tests/browser $(ARGS)

.PHONY: test-fuzz fuzz
test-fuzz: $(VENV)/.development ## Ask for all that /openapi.json says, rightly and wrongly, for minutes
	FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-100} FUZZ_SECONDS=$${FUZZ_SECONDS:-240} $(BIN)/python -m pytest tests/fuzz $(ARGS)

fuzz: $(FUZZ)/.ready ## Fuzz parsers by what they cover (FUZZ_SECONDS=60 for each; ARGS=NAME for one; Linux)
	$(FUZZ)/bin/python -m tests.fuzz.run $(ARGS)

screenshots: $(BROWSER)/.ready ## Take the README's pictures of the panel anew
	$(BROWSER)/bin/python -m tests.browser.screenshots

test-faults: $(VENV)/.development ## Run the fault suite, with what takes long
	$(BIN)/python -m pytest tests/faults -m "long or not long" $(ARGS)

soak: $(VENV)/.development ## Load with faults for ten minutes (SECONDS=60: for one); flat is the goal
	$(BIN)/python -m soak $(SECONDS)

check: $(VENV)/.development ## Lint, types, import contracts, generated docs, Dockerfile
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports
	PYTHONPATH=. $(BIN)/python -m scripts.configuration
	PYTHONPATH=. $(BIN)/python -m scripts.licences
	git diff --exit-code -- docs/configuration.md docs/licences.md
	$(BIN)/hadolint Dockerfile

format: $(VENV)/.development ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

audit: $(VENV)/.development ## Look for known vulnerabilities in what is locked, where a service answers
	@$(BIN)/python -m scripts.audit

docs: $(VENV)/.development ## Write docs/configuration.md and docs/licences.md
	PYTHONPATH=. $(BIN)/python -m scripts.configuration
	PYTHONPATH=. $(BIN)/python -m scripts.licences

lock: $(VENV)/.development ## Lock the newest versions, with hashes, for Python 3.11 to 3.14
	$(COMPILE) --custom-compile-command 'make lock' requirements.in -o requirements.txt
	$(COMPILE) --custom-compile-command 'make lock' -c requirements.txt requirements-dev.in -o requirements-dev.txt
	$(COMPILE) --custom-compile-command 'make lock' -c requirements-dev.txt requirements-browser.in -o requirements-browser.txt
	$(COMPILE) --custom-compile-command 'make lock' -c requirements-dev.txt requirements-fuzz.in -o requirements-fuzz.txt

lock-clients: $(VENV)/.development ## Lock the newest clients for make test-clients
	for group in $(CLIENT_GROUPS); do cd tests/clients/requirements && ../../../$(COMPILE) \
		--custom-compile-command 'make lock-clients' $$group.in -o $$group.txt && cd ../../.. || exit 1; done
	cd tests/clients && npm install --no-progress --save-exact \
		$$(node -p 'Object.keys(require("./package.json").dependencies).map(name => name + "@latest").join(" ")')

clean: ## Remove the virtual environment and caches
	rm -rf $(VENV) $(CLIENTS) $(BROWSER) $(FUZZ) .fuzz tests/clients/node_modules .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.runtime: requirements.txt | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.development: requirements-dev.txt | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@ $(VENV)/.runtime

$(CLIENTS)/%/.installed: tests/clients/requirements/%.txt | $(VENV)/.development
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(@D)
	$(BIN)/uv pip sync --quiet --require-hashes --python $(@D)/bin/python $<
	@touch $@

tests/clients/node_modules/.installed: tests/clients/package-lock.json
	@command -v npm >/dev/null || { echo 'npm is needed for the clients in JavaScript (https://nodejs.org).'; exit 1; }
	cd tests/clients && npm ci --no-progress --no-audit --no-fund --loglevel=error
	@touch $@

$(BROWSER)/.ready: requirements-dev.txt requirements-browser.txt | $(BIN)/python
	$(BIN)/python -m venv $(BROWSER)
	$(BROWSER)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt -r requirements-browser.txt
	@touch $@

$(FUZZ)/.ready: requirements-dev.txt requirements-fuzz.txt | $(BIN)/python
	$(BIN)/python -m venv $(FUZZ)
	$(FUZZ)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt -r requirements-fuzz.txt
	@touch $@
