# The tools of the tests. They are built without sanitizers also where what they test has them: hundreds of processes of
# theirs run at the same moment, and the daemon is what is watched.

WIREPEER_SOURCES := $(wildcard tests/lib/wirepeer*.c) $(filter-out common/chain.c common/seal.c,$(wildcard common/*.c)) sessd/proc.c

.PHONY: test-tools
test-tools: $(B)/tests/lib/wirepeer $(addprefix $(B)/tests/lib/,init throng clockshift.so pam_otp.so)

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

$(B)/tests/lib/throng: tests/lib/throng.c
	$(call say,TOOL,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -I. $(WARNINGS) $(CFLAGS) $(CPPFLAGS) -o $@ $< $(LDFLAGS) -lpam
