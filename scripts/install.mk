# make install, make uninstall: the program, its manual and its completions.
#
# The manual and the completions are what the program prints of its own tables.

MAN_DIR := $(DESTDIR)$(PREFIX)/share/man/man1
BASH_DIR := $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSH_DIR := $(DESTDIR)$(PREFIX)/share/zsh/site-functions
FISH_DIR := $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
DOCS := $(BUILD)/rowback.1 $(BUILD)/completion/bash $(BUILD)/completion/zsh $(BUILD)/completion/fish

$(BUILD)/rowback.1: $(BUILD)/rowback
	$(BUILD)/rowback man >$@.tmp
	mv $@.tmp $@

$(BUILD)/completion/%: $(BUILD)/rowback
	@mkdir -p $(@D)
	$(BUILD)/rowback completion $* >$@.tmp
	mv $@.tmp $@

.PHONY: docs
docs: $(DOCS)

.PHONY: install
install: $(BUILD)/rowback $(DOCS)
	install -d $(DESTDIR)$(PREFIX)/bin $(MAN_DIR) $(BASH_DIR) $(ZSH_DIR) $(FISH_DIR)
	install -m 755 $(BUILD)/rowback $(DESTDIR)$(PREFIX)/bin/rowback
	install -m 644 $(BUILD)/rowback.1 $(MAN_DIR)/rowback.1
	install -m 644 $(BUILD)/completion/bash $(BASH_DIR)/rowback
	install -m 644 $(BUILD)/completion/zsh $(ZSH_DIR)/_rowback
	install -m 644 $(BUILD)/completion/fish $(FISH_DIR)/rowback.fish

.PHONY: uninstall
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/rowback $(MAN_DIR)/rowback.1 $(BASH_DIR)/rowback \
		$(ZSH_DIR)/_rowback $(FISH_DIR)/rowback.fish
