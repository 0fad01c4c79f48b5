# Fuzzing with clang's libFuzzer. Each tests/fuzz/fuzz_NAME.c is a target; its seeds lie in tests/fuzz/corpus/NAME, if it
# has any. What it links is built here once more, with instrumentation, as one archive for each folder.

SECONDS ?= 3600
FUZZ_SMOKE_SECONDS ?= 3
FUZZ_B := build/fuzz
FUZZ_CFLAGS := -std=c11 -D_GNU_SOURCE -I. -g -O1 -fno-omit-frame-pointer -pthread \
	-fsanitize=address,undefined -fno-sanitize-recover=all $(filter-out -Werror,$(WARNINGS))
FUZZ_LIBS := -Wl,--as-needed -lconfuse -lpam -lkeyutils -lsodium -ljansson

FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,$(FUZZ_B)/%,$(wildcard tests/fuzz/fuzz_*.c))
# Of sessd/ what needs no database and no daemon.
FUZZ_SESSD   := policy option conffile confbuild config entry
# Of sessctl/ what reads a machine's PAM stacks.
FUZZ_SESSCTL := pam_rule tree module finding stack walk diagnosis output
# Of sessd/reauth/ the conversation.
FUZZ_REAUTH  := relay channel
# Of fleet/ what reads the answers of etcd, and what others have signed.
FUZZ_FLEET   := reply key statement signer secret
FUZZ_FOLDERS := pam_module sessd sessctl fleet common
FUZZ_SOURCES := $(wildcard common/*.c) $(wildcard pam_module/*.c) $(wildcard $(FUZZ_SESSD:%=sessd/%.c)) \
	$(wildcard $(FUZZ_SESSCTL:%=sessctl/%.c)) $(wildcard $(FUZZ_REAUTH:%=sessd/reauth/%.c)) \
	$(wildcard $(FUZZ_FLEET:%=fleet/%.c))
FUZZ_ARCHIVES := $(FUZZ_FOLDERS:%=$(FUZZ_B)/lib%.a)

.PHONY: fuzz fuzz-smoke fuzz-build

fuzz-build: $(FUZZ_TARGETS)

# An hour in all, unless SECONDS says otherwise.
fuzz: fuzz-build
	@tests/fuzz/run --seconds $(SECONDS) $(FUZZ_TARGETS)

# A few seconds for each, from a fixed seed: the same inputs in the same order each time.
fuzz-smoke: fuzz-build
	@tests/fuzz/run --smoke --seconds $(FUZZ_SMOKE_SECONDS) $(FUZZ_TARGETS)

$(FUZZ_B)/%.o: %.c
	$(call say,FUZZCC,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c $< -o $@

define FUZZ_ARCHIVE
$(FUZZ_B)/lib$(1).a: $$(patsubst %.c,$(FUZZ_B)/%.o,$$(filter $(1)/%,$$(FUZZ_SOURCES)))
	$$(call say,AR,$$@)
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(Q)$$(AR) rcs $$@ $$^
endef
$(foreach folder,$(FUZZ_FOLDERS),$(eval $(call FUZZ_ARCHIVE,$(folder))))

$(FUZZ_TARGETS): $(FUZZ_B)/%: $(FUZZ_B)/tests/fuzz/%.o $(FUZZ_ARCHIVES)
	$(call say,LINK,$@)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $^ $(FUZZ_LIBS)

-include $(shell find $(FUZZ_B) -name '*.d' 2>/dev/null)
