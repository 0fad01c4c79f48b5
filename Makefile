# sessd: server-side sessions for Linux logins. `make help` lists what can be made.

PREFIX     ?= /usr
SYSCONFDIR ?= /etc
MULTIARCH  := $(shell $(CC) -print-multiarch 2>/dev/null)
# Debian 12 keeps PAM modules and units in /lib, also where the programs are in /usr.
LIBDIR     ?= $(if $(filter /usr,$(PREFIX)),/lib,$(PREFIX)/lib)
SECURITYDIR ?= $(LIBDIR)/$(MULTIARCH)/security
UNITDIR    ?= $(LIBDIR)/systemd/system
PROFILEDIR ?= $(PREFIX)/share/sessd/profiles
LIBEXECDIR ?= $(PREFIX)/libexec
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions
# Debian's zsh looks in vendor-completions; others' in site-functions.
ZSHDIR     ?= $(PREFIX)/share/zsh/vendor-completions
MANDIR     ?= $(PREFIX)/share/man
DESTDIR    ?=

# SAN=address,undefined or SAN=thread; FAULTS=1 builds in the points at which a test may kill sessd.
SAN    ?=
FAULTS ?=
V      ?=

comma := ,
FLAVOUR := $(or $(subst $(comma),-,$(SAN)),plain)$(if $(FAULTS),-faults)
B := build/$(FLAVOUR)
# One name for one folder, however it was given: the dependency files name their targets by it.
override B := $(patsubst $(CURDIR)/%,%,$(abspath $(B)))
Q := $(if $(V),,@)
say = $(if $(V),@:,@printf '  %-7s %s\n' $(1) $(2))

CC       ?= cc
CLANG    ?= clang
CFLAGS   ?= -O2 -g
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wpointer-arith -Wwrite-strings -Wcast-qual -Wvla -Wformat=2 -Wundef
# What dpkg-buildflags gives with hardening=+all, spelled out so that a plain `make` has it too. The sanitizers
# bring their own checks and do not go with _FORTIFY_SOURCE.
HARDEN   := -fstack-protector-strong -fstack-clash-protection -fcf-protection -Wformat -Werror=format-security \
	$(if $(SAN),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
HARDENLD := -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed
SANFLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)
ALL_CFLAGS := -std=c11 -D_GNU_SOURCE -I. $(WARNINGS) $(HARDEN) $(SANFLAGS) -fPIC -fvisibility=hidden \
	-pthread $(if $(FAULTS),-DSESSD_FAULTS) $(CFLAGS) $(CPPFLAGS)
ALL_LDFLAGS := $(HARDENLD) $(SANFLAGS) -pthread $(LDFLAGS)

COMMON_OBJS  := $(patsubst %.c,$(B)/%.o,$(wildcard common/*.c))
SESSD_OBJS   := $(patsubst %.c,$(B)/%.o,$(filter-out sessd/main.c,$(wildcard sessd/*.c)))
SESSCTL_OBJS := $(patsubst %.c,$(B)/%.o,$(wildcard sessctl/*.c))
REAUTH_OBJS  := $(patsubst %.c,$(B)/%.o,$(filter-out sessd/reauth/main.c,$(wildcard sessd/reauth/*.c)))
PAM_OBJS     := $(patsubst %.c,$(B)/%.o,$(wildcard pam_module/*.c))
FLEET_OBJS   := $(patsubst %.c,$(B)/%.o,$(wildcard fleet/*.c))
UNIT_TESTS   := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/test_*.c))
PROGRAMS     := $(B)/sessd/sessd $(B)/sessctl/sessctl $(B)/pam_module/pam_sess.so \
	$(B)/sessd/reauth/sessd-reauth $(B)/sessd/stopper/sessd-stopper $(B)/fleet/sessd-fleet

SESSD_LIBS   := -lsqlite3 -lsodium -lconfuse -lkeyutils
SESSCTL_LIBS := -lsodium -ljansson -lsqlite3 -lqrencode
FLEET_LIBS   := -lcurl -ljansson -lsodium -lconfuse

C_FILES := $(wildcard */*.[ch] sessd/*/*.[ch] tests/*/*.[ch])

.PHONY: all all-and-unit test-build deps demo demo-fleet test unit lint format docs bench fuzz soak install uninstall deb clean help
.DELETE_ON_ERROR:
.SECONDARY:

all: $(PROGRAMS)

help:
	@sed -n 's/^#: //p' Makefile

#: make               build everything
#: make deps          install what the build needs (Debian 12 packages); nothing when it is there
#: make demo          show the main job in a private host; changes nothing on this machine
#: make demo-fleet    the same on three hosts that share an etcd cluster
#: make test          every test; ends with `N passed, N failed, N skipped`
#: make docs          make sessd-events(7) anew, of the rows in the code
#: make unit          the unit tests alone
#: make lint          formatting, include directions, static analysis
#: make bench fuzz soak   measure beside named peers; fuzz, or repeat the hard tests, for an hour (SECONDS=3600)
#: make herd           hundreds of agents against a real etcd, and what that costs it
#: make deb            the Debian packages, in build/deb
#: make install uninstall   with DESTDIR=, PREFIX=
#: make clean         remove build/
#: SAN=address,undefined | SAN=thread   build and test with sanitizers;  V=1  show the commands

$(B)/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

# A test may cut a text that it only prints.
$(B)/tests/%.o: ALL_CFLAGS += -Wno-format-truncation

$(B)/libcommon.a: $(COMMON_OBJS)
$(B)/libsessd.a: $(SESSD_OBJS)
$(B)/libpam_sess.a: $(PAM_OBJS)
$(B)/libreauth.a: $(REAUTH_OBJS)
$(B)/libsessctl.a: $(filter-out %/main.o,$(SESSCTL_OBJS))
$(B)/libfleet.a: $(filter-out %/main.o,$(FLEET_OBJS))
$(B)/lib%.a:
	$(call say,AR,$@)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(B)/sessd/sessd: $(B)/sessd/main.o $(B)/libsessd.a $(B)/libcommon.a
	$(call say,LINK,$@)
	$(Q)$(CC) -pie -o $@ $^ $(ALL_LDFLAGS) $(SESSD_LIBS)

$(B)/sessctl/sessctl: $(SESSCTL_OBJS) $(B)/libcommon.a
	$(call say,LINK,$@)
	$(Q)$(CC) -pie -o $@ $^ $(ALL_LDFLAGS) $(SESSCTL_LIBS)

# A sanitizer has a crypt() of its own, which finds the real one only where it is there from the beginning; pam_unix
# brings it later.
$(B)/sessd/reauth/sessd-reauth: $(B)/sessd/reauth/main.o $(B)/libreauth.a $(B)/libcommon.a
	$(call say,LINK,$@)
	$(Q)$(CC) -pie -o $@ $^ $(ALL_LDFLAGS) -lpam $(if $(SAN),-Wl$(comma)--no-as-needed -lcrypt)

$(B)/sessd/stopper/sessd-stopper: $(B)/sessd/stopper/main.o $(B)/libcommon.a
	$(call say,LINK,$@)
	$(Q)$(CC) -pie -o $@ $^ $(ALL_LDFLAGS)

$(B)/fleet/sessd-fleet: $(FLEET_OBJS) $(B)/libcommon.a
	$(call say,LINK,$@)
	$(Q)$(CC) -pie -o $@ $^ $(ALL_LDFLAGS) $(FLEET_LIBS)

$(B)/pam_module/pam_sess.so: $(PAM_OBJS) $(B)/libcommon.a pam_module/pam_sess.map
	$(call say,LINK,$@)
	$(Q)$(CC) -shared -o $@ $(PAM_OBJS) $(B)/libcommon.a -Wl,--version-script=pam_module/pam_sess.map \
		$(if $(SAN),,-Wl,-z,defs) $(ALL_LDFLAGS) -lpam -lkeyutils

# A unit test links with the archives, so it holds little more than what it tests.
$(B)/tests/unit/%: $(B)/tests/unit/%.o $(B)/libsessd.a $(B)/libpam_sess.a $(B)/libsessctl.a $(B)/libreauth.a \
		$(B)/libcommon.a
	$(call say,LINK,$@)
	$(Q)$(CC) -pie -o $@ $^ $(ALL_LDFLAGS) -lcmocka $(SESSD_LIBS) $(SESSCTL_LIBS) -lpam -lkeyutils

# Those of the agent link it alone: it shares names with the others.
FLEET_TESTS := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/test_fleet_*.c))
$(FLEET_TESTS): $(B)/tests/unit/%: $(B)/tests/unit/%.o $(B)/libfleet.a $(B)/libcommon.a
	$(call say,LINK,$@)
	$(Q)$(CC) -pie -o $@ $^ $(ALL_LDFLAGS) -lcmocka $(FLEET_LIBS)

# The stranger whose guest the module is: see tests/tap/module.sh.
GUEST := $(B)/tests/pam/guest
$(GUEST): $(patsubst %.c,$(B)/%.o,$(wildcard tests/pam/*.c)) $(B)/libcommon.a
	$(call say,LINK,$@)
	$(Q)$(CC) -pie -o $@ $^ $(ALL_LDFLAGS) -lpam -ldl

unit: $(UNIT_TESTS)
	$(Q)tests/run unit

# What `make test` runs needs every flavour, so each is a make of its own; and the first installs what is missing.
# Where the package and the machine that it is tried on cannot be made, their tests are skipped, with the reason.
test: deps
	-$(Q)tests/deps deb machine
	$(Q)$(MAKE) --no-print-directory test-build
	$(Q)tests/run

test-build: all-and-unit
	$(Q)$(MAKE) --no-print-directory SAN=address,undefined all-and-unit
	$(Q)$(MAKE) --no-print-directory SAN=thread all-and-unit
	$(Q)$(MAKE) --no-print-directory FAULTS=1 all

all-and-unit: all $(UNIT_TESTS) $(GUEST) test-tools

demo: deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/demo.sh

demo-fleet: deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/demo-fleet.sh

deps:
	$(Q)tests/deps build test

soak: deps
	$(Q)$(MAKE) --no-print-directory test-build
	$(Q)tests/soak $(or $(SECONDS),3600)

lint: deps
	$(Q)tests/lint

docs:
	tests/lib/events page >sessd/sessd-events.7.new
	mv sessd/sessd-events.7.new sessd/sessd-events.7

format:
	clang-format -i $(C_FILES)

MAN8 := $(wildcard sessd/*.8 sessctl/*.8 pam_module/*.8 sessd/*/*.8 fleet/*.8)
MAN5 := $(wildcard sessd/*.5)
MAN7 := $(wildcard sessd/*.7)
UNITS := $(wildcard etc/systemd/*.path etc/systemd/*.service etc/systemd/*.socket etc/systemd/*.target)
# Of the scopes that logind makes.
DROPIN := session-.scope.d/sessd.conf
LOGROTATE := $(wildcard etc/logrotate.d/*)
PROFILES := $(wildcard etc/profiles/*.conf)
SYSUSERS := $(wildcard etc/sysusers.d/*.conf)
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
EXAMPLEDIR ?= $(PREFIX)/share/sessd

install: all
	install -d $(addprefix $(DESTDIR),$(PREFIX)/sbin $(PREFIX)/bin $(LIBEXECDIR) $(SECURITYDIR) $(SYSCONFDIR)/sessd $(UNITDIR) \
		$(MANDIR)/man8 $(MANDIR)/man7 $(MANDIR)/man5 $(COMPLETIONDIR) $(ZSHDIR) $(PROFILEDIR) \
		$(EXAMPLEDIR) $(SYSUSERSDIR) $(PREFIX)/lib/tmpfiles.d)
	install -m 0755 $(B)/sessd/sessd $(B)/fleet/sessd-fleet $(DESTDIR)$(PREFIX)/sbin/
	install -m 0755 $(B)/sessctl/sessctl $(DESTDIR)$(PREFIX)/bin/
	install -m 0755 $(B)/sessd/reauth/sessd-reauth $(B)/sessd/stopper/sessd-stopper $(DESTDIR)$(LIBEXECDIR)/
	install -m 0644 $(B)/pam_module/pam_sess.so $(DESTDIR)$(SECURITYDIR)/
	[ -e $(DESTDIR)$(SYSCONFDIR)/sessd/sessd.conf ] || \
		install -m 0644 etc/sessd.conf $(DESTDIR)$(SYSCONFDIR)/sessd/sessd.conf
	install -m 0644 $(UNITS) $(DESTDIR)$(UNITDIR)/
	install -m 0644 -D etc/systemd/$(DROPIN) $(DESTDIR)$(UNITDIR)/$(DROPIN)
	install -m 0644 $(MAN8) $(DESTDIR)$(MANDIR)/man8/
	install -m 0644 $(MAN7) $(DESTDIR)$(MANDIR)/man7/
	install -m 0644 $(MAN5) $(DESTDIR)$(MANDIR)/man5/
	install -m 0644 sessctl/sessctl.bash $(DESTDIR)$(COMPLETIONDIR)/sessctl
	install -m 0644 sessctl/sessctl.zsh $(DESTDIR)$(ZSHDIR)/_sessctl
	install -m 0644 $(PROFILES) $(DESTDIR)$(PROFILEDIR)/
	install -m 0644 $(SYSUSERS) $(DESTDIR)$(SYSUSERSDIR)/
	install -m 0644 etc/tmpfiles.d/sessd.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/
	install -d $(DESTDIR)$(SYSCONFDIR)/logrotate.d
	install -m 0644 $(LOGROTATE) $(DESTDIR)$(SYSCONFDIR)/logrotate.d/
	install -m 0644 etc/fleet.conf $(DESTDIR)$(EXAMPLEDIR)/
	install -d $(DESTDIR)$(PREFIX)/share/sessd-fleet
	install -m 0755 fleet/etcd-roles $(DESTDIR)$(PREFIX)/share/sessd-fleet/

# The configuration and the ledger stay: they are the administrator's.
uninstall:
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/sbin/,sessd sessd-fleet) $(DESTDIR)$(PREFIX)/bin/sessctl $(DESTDIR)$(SECURITYDIR)/pam_sess.so \
		$(addprefix $(DESTDIR)$(LIBEXECDIR)/,sessd-reauth sessd-stopper) \
		$(addprefix $(DESTDIR)$(UNITDIR)/,$(notdir $(UNITS)) $(DROPIN)) \
		$(addprefix $(DESTDIR)$(MANDIR)/man8/,$(notdir $(MAN8))) \
		$(addprefix $(DESTDIR)$(MANDIR)/man7/,$(notdir $(MAN7))) \
		$(addprefix $(DESTDIR)$(MANDIR)/man5/,$(notdir $(MAN5))) $(DESTDIR)$(COMPLETIONDIR)/sessctl \
		$(addprefix $(DESTDIR)$(PROFILEDIR)/,$(notdir $(PROFILES))) $(DESTDIR)$(ZSHDIR)/_sessctl \
		$(addprefix $(DESTDIR)$(SYSUSERSDIR)/,$(notdir $(SYSUSERS))) $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/sessd.conf \
		$(DESTDIR)$(PREFIX)/share/sessd-fleet/etcd-roles $(DESTDIR)$(EXAMPLEDIR)/fleet.conf $(addprefix $(DESTDIR)$(SYSCONFDIR)/logrotate.d/,$(notdir $(LOGROTATE)))

# Into build/deb; the tree stays as it is.
deb: deps
	$(Q)tests/deps deb
	$(Q)debian/build build/deb

clean:
	rm -rf build

include tests/fuzz/fuzz.mk
-include tests/lib/lib.mk
-include tests/bench/bench.mk
-include tests/herd/herd.mk
-include $(shell find $(B) -type f -name '*.d' 2>/dev/null)
