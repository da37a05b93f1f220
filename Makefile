# rowback: build, test, measure.
#
#   make            the program at build/rowback
#   make test       install what is missing, build, pass every test
#   make demo       install what is missing, build, show the main job
#   make check      build and pass every test, with what is installed
#   make corpus     every SQLite database below ROWBACK_CORPUS, there and back
#   make lint       layers, format, sizes, shell, clang's warnings and static checks
#   make sanitize   the unit tests under ASan and UBSan
#   make bench      ratios against what a user would do instead
#   make bench-postgres  the same for PostgreSQL, beside pg_dump
#   make install    the program, manual and completions below PREFIX (and DESTDIR)
#   make help       every target
#
# make demo DB=PATH [REMOTE=URL [STORE=DIR]] shows it on a database of yours, and only reads it.
# BUILD=DIR builds elsewhere; SANITIZE=1 builds with ASan and UBSan.

VERSION := 0.1.0
BUILD ?= build
ifeq ($(origin CC),default)
CC := gcc
endif
# For a make inside make: parallel, unless the outer one is and shares its jobs.
JOBS = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j2)
PREFIX ?= /usr/local
DESTDIR ?=

PKGS := libgit2 jansson libcurl zlib sqlite3 libpq libcrypto
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
# ISA-L deflates four times faster than zlib; where Debian has no ISA-L, zlib serves.
HAVE_ISAL := $(shell pkg-config --exists libisal 2>/dev/null && echo 1)
ifeq ($(HAVE_ISAL),1)
PKG_LIBS += $(shell pkg-config --libs libisal)
ISAL_FLAGS := -DRB_HAVE_ISAL=1
endif

WARN := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wcast-qual -Wformat=2 -Wundef -Wvla -Wwrite-strings -Wpointer-arith -Werror
OPT ?= -O2 -g
HARDEN := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
ifeq ($(SANITIZE),1)
OPT := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
HARDEN := -fPIE
# gcc judges instrumented code, which is not what is shipped.
WARN += -Wno-error
endif
CPPFLAGS := -Iinclude -D_POSIX_C_SOURCE=200809L -D_FILE_OFFSET_BITS=64 \
	-DRB_VERSION='"$(VERSION)"' $(ISAL_FLAGS)
CFLAGS := -std=c11 $(OPT) $(HARDEN) $(WARN) -pthread $(PKG_CFLAGS)
LDFLAGS := -pthread -pie -Wl,-z,relro,-z,now
LDLIBS := $(PKG_LIBS) -lm

LIB_SRC := $(sort $(filter-out src/cli/%,$(wildcard src/*/*.c src/*/*/*.c)))
CLI_SRC := $(sort $(wildcard src/cli/*.c))
# Made below $(BUILD)/gen, see there.
GEN_SRC := src/format/restore_md.c src/ops/deploy/hook_pre_push.c src/ops/deploy/hook_pre_receive.c \
	src/ops/deploy/hook_append_only.c
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/obj/%.o) $(GEN_SRC:%.c=$(BUILD)/obj/%.o)
CLI_OBJ := $(CLI_SRC:%.c=$(BUILD)/obj/%.o)
LIB := $(BUILD)/librowback.a

.PHONY: all
all: $(BUILD)/rowback

# Objects stay, also those that only a chain of pattern rules names.
.SECONDARY:

$(BUILD)/rowback: $(CLI_OBJ) $(LIB)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(CLI_OBJ) $(LIB) $(LDLIBS)

$(LIB): $(LIB_OBJ)
	rm -f $@
	ar rcs $@ $(LIB_OBJ)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -Isrc/$(word 2,$(subst /, ,$*)) -MMD -MP -c -o $@ $<

# A text as an array of its bytes: string literals have a length that compilers must take.
# Arguments: the header that declares the array, and its name.
define bytes_of
	@mkdir -p $(@D)
	{ echo '#include "$(1)"' && echo 'const char $(2)[] = {' && \
		od -An -v -td1 $< | sed 's/[-0-9][0-9]*/&,/g' && echo '0};'; } >$@.tmp
	mv $@.tmp $@
endef

$(BUILD)/gen/src/format/restore_md.c: src/format/RESTORE.md
	$(call bytes_of,documents_priv.h,rb_restore_text)

$(BUILD)/gen/src/ops/deploy/hook_pre_push.c: hooks/pre-push
	$(call bytes_of,deploy/hook_priv.h,rb_hook_pre_push)

$(BUILD)/gen/src/ops/deploy/hook_pre_receive.c: hooks/pre-receive
	$(call bytes_of,deploy/hook_priv.h,rb_hook_pre_receive)

$(BUILD)/gen/src/ops/deploy/hook_append_only.c: hooks/append-only
	$(call bytes_of,deploy/hook_priv.h,rb_hook_append_only)

$(BUILD)/obj/%.o: $(BUILD)/gen/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -Isrc/$(word 2,$(subst /, ,$*)) -MMD -MP -c -o $@ $<

-include $(LIB_OBJ:.o=.d) $(CLI_OBJ:.o=.d)

include tests/tests.mk
include scripts/install.mk
include scripts/lint.mk

# In a make of its own: pkg-config knows more after the installation than when this file was read.
.PHONY: demo
demo:
	@scripts/install-deps --demo
	@+$(MAKE) --no-print-directory -s $(JOBS) all
	@BUILD="$(BUILD)" scripts/demo $(if $(DB),"$(DB)" $(if $(REMOTE),"$(REMOTE)" $(if $(STORE),"$(STORE)")))

.PHONY: clean
clean:
	rm -rf $(BUILD)

.PHONY: help
help:
	@sed -n 's/^#   make /make /p' Makefile
