# Measurements beside named peers. The peers are other packages; without them their rows are left out, in words.

BENCH_OBJS := $(patsubst %.c,$(B)/%.o,$(wildcard tests/bench/*.c))
BENCH_LOAD := $(B)/tests/bench/load

$(BENCH_LOAD): $(BENCH_OBJS) $(B)/libcommon.a
	$(call say,LINK,$@)
	$(Q)$(CC) -pie -o $@ $^ $(ALL_LDFLAGS)

# tests/tap/bench.sh runs it.
test-build: $(BENCH_LOAD)

bench: deps
	$(Q)tests/deps bench || echo "bench: goes on without what is missing" >&2
	$(Q)$(MAKE) --no-print-directory all $(BENCH_LOAD) $(addprefix $(B)/tests/lib/,throng grow stack)
	$(Q)BUILD=$(B) BENCH_LOAD=$(BENCH_LOAD) BENCH_THRONG=$(B)/tests/lib/throng BENCH_GROW=$(B)/tests/lib/grow tests/bench/run $(BENCH_ARGS)
