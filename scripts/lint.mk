# Checks that run no test.  `make lint` runs all; each can be run alone.

LINTS := lint-layers lint-format lint-words lint-shell lint-clang lint-tidy
TIDY := $(firstword $(shell command -v clang-tidy-14 clang-tidy 2>/dev/null) clang-tidy)
TIDY_OK := $(patsubst %.c,$(BUILD)/tidy/%.ok,$(LIB_SRC) $(CLI_SRC))

.PHONY: lint $(LINTS) lints
lint:
	@+for lint in $(LINTS); do $(MAKE) --no-print-directory $(JOBS) $$lint || exit 1; done

# The names, for .ci/run.
lints:
	@echo $(LINTS)

lint-layers:
	scripts/check-layers

lint-format:
	scripts/check-format

lint-words:
	scripts/check-words

lint-shell:
	scripts/check-shell

lint-clang:
	+$(MAKE) --no-print-directory -s $(JOBS) BUILD=build-clang CC=clang all test-programs

lint-tidy: $(TIDY_OK)

# A stamp for each file that passed, so that only what changed is checked again.
$(BUILD)/tidy/%.ok: %.c .clang-tidy scripts/analyzer.h $(wildcard include/rowback/*/*.h src/*/*_priv.h src/*/*/*_priv.h)
	@mkdir -p $(@D)
	@echo "$(TIDY) $<"
	@$(TIDY) --quiet $< -- -std=c11 $(CPPFLAGS) $(PKG_CFLAGS) -Isrc/$(word 2,$(subst /, ,$*)) \
		$(if $(filter src/base/err.c,$<),,-include scripts/analyzer.h) >$@.log 2>&1 || \
		{ cat $@.log; exit 1; }
	@touch $@
