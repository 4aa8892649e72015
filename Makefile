PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-slow tutorials docs soak matrix bench weights clean

demo: $(VENV)/installed
	$(BIN)/python -m experiments run n2v_tissue

test: $(VENV)/installed
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

test-slow: $(VENV)/installed
	$(BIN)/python -m pytest -m slow

tutorials: $(VENV)/installed
	$(BIN)/python -m pytest -m 'tutorial and not slow' -n auto --maxprocesses 4 --dist worksteal

docs: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable ".[docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

soak: $(VENV)/installed
	$(BIN)/python tests/soak.py

matrix: $(VENV)/installed
	$(BIN)/python tests/matrix.py

bench: $(VENV)/installed
	$(BIN)/python -m benchmarks steps
	$(BIN)/python -m benchmarks operators

# CLEAN: a folder or pattern of clean images to learn from, such as Train400 and micrographs; SCORED: others to score, such as Set12
weights: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable ".[export]"
	$(BIN)/python -m experiments run general_denoiser --data.clean "$(or $(CLEAN),$(error give CLEAN=folder, of clean images))" \
		$(if $(SCORED),--data.scored "$(SCORED)") --out runs/general_denoiser
	mkdir -p unsup_jax_weights
	$(BIN)/python -m experiments export runs/general_denoiser -o unsup_jax_weights/general_denoiser.zip

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c "import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else 'unsup_jax needs python >= 3.11, this is %d.%d; set PYTHON=' % v[:2])"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[test]"
	@touch $@

clean:
	rm -rf $(VENV) runs site
