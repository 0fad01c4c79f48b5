# The two ends of a private host (see host.sh, which makes it when it is missing). Never with a sanitizer: it is
# process 1. Hosts may come up side by side, so it appears whole or not at all.
$(B)/tests/lib/init: tests/lib/init.c
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -I. $(WARNINGS) $(CFLAGS) -o $@.$$$$ $< && mv $@.$$$$ $@
