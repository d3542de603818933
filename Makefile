# Each target is one line: what a command does is in cli/ or in .ci/run.
PYTHON ?= python3
PIP := .venv/bin/python -m pip install --quiet --disable-pip-version-check
export PYTHONUTF8 := 1

.PHONY: help setup dev redeploy invoke test browser web check fmt build deploy validate clean simulate exhaustive bench
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

dev: .venv/.dev ## run everything on this machine until Ctrl-C
	@exec .venv/bin/farthing dev

redeploy: .venv/.dev ## bring changed code to the running local stack
	@.venv/bin/farthing redeploy

invoke: .venv/.dev .venv-sam/.done ## EVENT=payment_intents.create: one event to its function in a container (Docker)
	@.venv/bin/farthing invoke $(EVENT)

setup: .venv/.check .venv-localstripe/.done ## make .venv with all that tests and checks need

test: .venv/.check .venv-localstripe/.done ## every test that needs no browser and no Docker
	@tests/run $(TEST_OPTIONS)

browser: .venv/.check ## the card fields in a real Chromium (CHROMIUM=path), on a local stack
	.venv/bin/python -m pytest -m browser

web: ## build the card frame from web/fields (needs Node and npm)
	cd web/fields && npm ci --silent && node build.mjs

simulate: .venv/.check ## SEEDS=10000 or SECONDS=60, FROM=0, INTO=file, COMPLETE=1: payments through everything that can go wrong
	@.venv/bin/farthing simulate --from $(or $(FROM),0) $(if $(INTO),--into $(INTO)) \
	  $(if $(AT_LEAST),--at-least $(AT_LEAST)) $(if $(COMPLETE),--complete) \
	  $(if $(SEEDS),--seeds $(SEEDS)) $(if $(SECONDS),--seconds $(SECONDS))$(if $(SEEDS)$(SECONDS),,--seconds 60)

exhaustive: .venv/.check ## every crash, and every pair of crashes, of each golden path
	@PYTHONPATH=layers/core/python:. .venv/bin/python -m tests.simulation.exhaustive --pairs

bench: .venv/.check ## WHAT=simulation, reconciliation, webhooks, webhook_isolation, fraud_decision, fraud_serving, fraud_handbook or settlement, ARGS="--data DIR": speed and figures
	@PYTHONPATH=layers/core/python:cli:. .venv/bin/python -m bench.$(or $(WHAT),simulation) $(ARGS)

fmt: .venv/.check ## format and sort
	.venv/bin/ruff format . && .venv/bin/ruff check --fix .

check: ## what CI runs
	./.ci/run

validate: .venv-sam/.done ## SAM's own lint of the template
	.venv-sam/bin/sam validate --lint

build: .venv-sam/.done ## what `sam deploy` uploads, in .aws-sam
	.venv-sam/bin/sam build

deploy: build .venv/.dev ## to AWS, as samconfig.toml says (CONFIG=staging, CONFIG=prod)
	.venv/bin/farthing connectors --config $(or $(CONFIG),default) && .venv-sam/bin/sam deploy --config-env $(or $(CONFIG),default)

clean: ## remove everything that these targets made
	rm -rf .venv .venv-sam .venv-localstripe .aws-sam .farthing .pytest_cache .mypy_cache .ruff_cache .coverage

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.dev: .venv/bin/python pyproject.toml
	@$(PIP) --editable . && touch $@

.venv/.check: .venv/bin/python pyproject.toml
	@$(PIP) --editable '.[check]' && touch $@ .venv/.dev

# A server that tests run beside them and never import: it is GPL, and a stranger.
.venv-localstripe/.done:
	$(PYTHON) -m venv .venv-localstripe
	.venv-localstripe/bin/python -m pip install --quiet --disable-pip-version-check \
	  localstripe==1.15.10 aiohttp==3.14.5 python-dateutil==4.0.0 && touch $@

# The SAM CLI pins another botocore than MiniStack, so it lives by itself.
.venv-sam/.done:
	$(PYTHON) -m venv .venv-sam
	.venv-sam/bin/python -m pip install --quiet --disable-pip-version-check aws-sam-cli==1.170.0 && touch $@
