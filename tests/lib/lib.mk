# The tools of the tests. They are built without sanitizers also where what they test has them: hundreds of processes of
# theirs run at the same moment, and the daemon is what is watched.

WIREPEER_SOURCES := $(wildcard tests/lib/wirepeer*.c) $(filter-out common/chain.c common/seal.c,$(wildcard common/*.c)) sessd/proc.c

.PHONY: test-tools
test-tools: $(B)/tests/lib/wirepeer $(addprefix $(B)/tests/lib/,init throng stack clockshift.so pam_otp.so grow history)

$(B)/tests/lib/wirepeer: $(WIREPEER_SOURCES) tests/lib/wirepeer.h $(wildcard common/*.h)
	$(call say,TOOL,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -I. $(WARNINGS) $(CFLAGS) $(CPPFLAGS) -o $@ $(WIREPEER_SOURCES) $(LDFLAGS) -lkeyutils

$(B)/tests/lib/init: tests/lib/init.c
	$(call say,TOOL,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -I. $(WARNINGS) $(CFLAGS) $(CPPFLAGS) -o $@ $< $(LDFLAGS)

$(B)/tests/lib/clockshift.so: tests/lib/clockshift.c
	$(call say,TOOL,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -I. $(WARNINGS) $(CFLAGS) $(CPPFLAGS) -fPIC -shared -pthread -o $@ $< $(LDFLAGS)

$(B)/tests/lib/pam_otp.so: tests/lib/pam_otp.c
	$(call say,TOOL,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -I. $(filter-out -Wmissing-prototypes,$(WARNINGS)) $(CFLAGS) $(CPPFLAGS) -fPIC \
		-fvisibility=hidden -shared -o $@ $< $(LDFLAGS) -lpam

$(addprefix $(B)/tests/lib/,throng stack): $(B)/tests/lib/%: tests/lib/%.c
	$(call say,TOOL,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -I. $(WARNINGS) $(CFLAGS) $(CPPFLAGS) -o $@ $< $(LDFLAGS) -lpam

# It writes with the daemon's own ledger, so it has the flavour of that.
$(B)/tests/lib/grow: $(B)/tests/lib/grow.o $(B)/libsessd.a $(B)/libcommon.a
	$(call say,TOOL,$@)
	$(Q)$(CC) -pie -o $@ $^ $(ALL_LDFLAGS) $(SESSD_LIBS)

HISTORY_SOURCES := tests/lib/history.c sessd/entry.c $(filter-out common/token_key.c,$(wildcard common/*.c))
$(B)/tests/lib/history: $(HISTORY_SOURCES) sessd/entry.h $(wildcard common/*.h)
	$(call say,TOOL,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -I. $(WARNINGS) $(CFLAGS) $(CPPFLAGS) -o $@ $(HISTORY_SOURCES) $(LDFLAGS) -lsodium
