# Lectern: `make run` starts it, `make test` tests it, `make help` lists the rest.
# GPU=1 installs PyTorch with CUDA. ARGS="..." goes to the command.
.DEFAULT_GOAL := help
GPU ?=
KIND := $(if $(filter-out 0 no,$(GPU)),gpu,cpu)
PY := .venv/bin/python

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

install: ## make .venv and install what the lock pins
	@requirements/install $(KIND)

install-dev: ## the same, with the tools for tests and style
	@requirements/install $(KIND) dev

run: install ## start everything, print the address; Ctrl-C stops it
	@exec $(PY) manage.py run $(ARGS)

demo: install ## the same, with a small knowledge base about Lectern to ask at once
	@exec $(PY) manage.py run --demo $(ARGS)

test: install-dev ## run the whole suite
	@$(PY) -m pytest $(ARGS)

lint: install-dev ## find mistakes, without changing anything
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m djlint templates --lint --quiet
	$(PY) -m mypy kb search ingestion

format: install-dev ## put every Python file into shape
	$(PY) -m ruff check --fix --quiet .
	$(PY) -m ruff format --quiet .

bench: install-dev ## measure speed and quality
	@$(PY) -m benchmarks $(ARGS)

lock: install-dev ## pin the newest versions that pyproject.toml allows
	@requirements/lock --upgrade

.PHONY: help install install-dev run demo test lint format bench lock
