# A herd of agents against a real etcd: `make herd`, and tests/tap/herd.sh.

HERD := $(B)/tests/herd/herd $(B)/tests/herd/rate

$(B)/tests/herd/herd: $(B)/tests/herd/herd.o $(B)/tests/herd/host.o $(B)/libfleet.a $(B)/libcommon.a
$(B)/tests/herd/rate: $(B)/tests/herd/rate.o $(B)/libfleet.a $(B)/libcommon.a
$(HERD):
	$(call say,LINK,$@)
	$(Q)$(CC) -pie -o $@ $^ $(ALL_LDFLAGS) $(FLEET_LIBS)

all-and-unit: $(HERD)

.PHONY: herd
herd: deps
	$(Q)$(MAKE) --no-print-directory $(HERD)
	$(Q)BUILD=$(B) tests/herd/run $(HERD_ARGS)
