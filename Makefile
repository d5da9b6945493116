# `make` alone lists what there is. Paths here are relative, so that the folder's name may hold spaces.
# What needs setting up is done by scripts/set-up, which costs some milliseconds where nothing is left to do.

SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help demo demo-clean unit test test-full stress bench house lint fmt readme gallery lock watcher clean

# Passed on to the program: `make test ARGS="-k fingerprint"`, `make lock ARGS="--upgrade-package pyppeteer"`
ARGS ?=

help: ## list what can be made
	@echo "make TARGET [ARGS=...]"
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r target does; do \
		printf '  %-12s %s\n' "$$target" "$$does"; done

demo: ## set up, then refresh demo/, a copy of examples/quickstart: no Docker, no GPU, no account
	@scripts/set-up examples chromium
	@scripts/demo $(ARGS)

demo-clean: ## remove demo/, your edits to it included
	rm -rf demo

unit: ## set up, then run the tests of single modules
	@scripts/set-up test
	@.venv/bin/python -m pytest -n 2 tests/unit $(ARGS)

# Images for tests are built while the linters run; a test that needs one waits for it, and says what is wrong with it.
test: ## set up, then run linters and what is to be run at every change: real kernels, a real Chromium, a real Docker engine
	@scripts/set-up test chromium docker node
	@.venv/bin/python -m tests.images.build >/dev/null 2>&1 & scripts/lint
	@.venv/bin/python -m pytest -n 2 --dist loadgroup $(ARGS)

test-full: test ## `make test`, then what takes longer: other engines, whole workflows, kills at many moments
	@.venv/bin/python -m pytest -n 2 --dist loadgroup -m "full and not stress" $(ARGS)

stress: ## the long soaks: hundreds of kernel starts, kills, races
	@scripts/set-up test chromium docker node
	@.venv/bin/python -m pytest -m stress --timeout 3600 $(ARGS)

bench: ## measure against papermill, jupyter-cache, Playwright, shot-scraper and docker run; prints a Markdown table
	@scripts/set-up test chromium docker
	@scripts/set-up bench
	@.venv/bin/python -m benchmarks $(ARGS)

house: ## print the rooms of the program, each with those that it needs
	@scripts/set-up test
	@.venv/bin/python -m tests.house

lint: ## ruff, mypy, and linters for workflows and actions
	@scripts/set-up test chromium node
	@scripts/lint

fmt: ## format the code, and mend what ruff can mend
	@scripts/set-up test
	@.venv/bin/ruff format
	@.venv/bin/ruff check --fix

readme: ## refresh README.md and the quickstart's reports, pictures included
	@scripts/set-up test chromium
	@cd examples/quickstart && VIRTUAL_ENV= CONDA_PREFIX= pythonLocation= ../../.venv/bin/gpu-doc run
	@VIRTUAL_ENV= CONDA_PREFIX= pythonLocation= .venv/bin/gpu-doc run

gallery: ## refresh docs/gallery.md, pictures included; what its notebooks import is installed into .gallery
	@scripts/set-up run chromium
	@scripts/set-up gallery
	@VIRTUAL_ENV="$$PWD/.gallery" CONDA_PREFIX= pythonLocation= .venv/bin/gpu-doc run --config docs/gpu-doc.yml $(ARGS)

lock: ## resolve the dependencies anew into requirements/, with hashes (needs uv)
	@scripts/lock $(ARGS)

watcher: ## build the library that records what runs look at, from its source in C (fetches a compiler into .watcher)
	@scripts/watcher

clean: ## remove environments, caches and demo/
	rm -rf .venv .bench .gallery .watcher demo dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
