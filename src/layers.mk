# Rules for engine and net: compiled without PostgreSQL's headers and without those of the layers above.
#
# A layer's include path is a folder of links made for it, so that "net/prober.h" simply does not exist
# for engine.  Variables: CC, EV_WERROR (set to -Werror by the test script), EV_USER_CFLAGS and EV_USER_LDFLAGS (of whoever
# builds; the Makefile takes them from the environment).

EV_SRC := $(if $(srcdir),$(srcdir),.)/src
EV_WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla $(EV_WERROR)

# Engine and net read what strangers send.  What a compiler does not know is left out.
EV_HARDENING := $(shell for flag in -fstack-protector-strong -fstack-clash-protection -fcf-protection; do \
	echo 'int a;' | $(CC) -Werror $$flag -x c -c -o /dev/null - 2>/dev/null && echo $$flag; done) \
	-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
EV_CFLAGS = -std=c11 -O2 -g -fPIC -fvisibility=hidden $(EV_HARDENING) $(EV_WARN) $(EV_USER_CFLAGS)
EV_LDFLAGS = -pie -Wl,-z,relro -Wl,-z,now $(EV_USER_LDFLAGS)

ENGINE_SRC = $(sort $(wildcard $(EV_SRC)/engine/*.c))
NET_PROGRAMS = email_probe email_verify_prober
NET_SRC = $(sort $(filter-out $(NET_PROGRAMS:%=$(EV_SRC)/net/%.c),$(wildcard $(EV_SRC)/net/*.c)))
ENGINE_HDR = $(wildcard $(EV_SRC)/engine/*.h $(EV_SRC)/engine/*.def)
NET_HDR = $(wildcard $(EV_SRC)/net/*.h)

ENGINE_OBJ = $(patsubst $(EV_SRC)/%.c,build/%.o,$(ENGINE_SRC))
NET_OBJ = $(patsubst $(EV_SRC)/%.c,build/%.o,$(NET_SRC))

build/include/engine-only/engine:
	@mkdir -p $(@D) && ln -sfn $(abspath $(EV_SRC)/engine) $@
build/include/net-only/engine:
	@mkdir -p $(@D) && ln -sfn $(abspath $(EV_SRC)/engine) $@
build/include/net-only/net:
	@mkdir -p $(@D) && ln -sfn $(abspath $(EV_SRC)/net) $@

build/engine/%.o: $(EV_SRC)/engine/%.c $(ENGINE_HDR) $(EV_SRC)/layers.mk | build/include/engine-only/engine
	@mkdir -p $(@D)
	$(CC) $(EV_CFLAGS) -Ibuild/include/engine-only -c -o $@ $<

# the lists of data/ as tables: made by a program of this machine, whatever the compiler makes
DATA_LISTS = $(wildcard $(EV_SRC)/../data/*.txt $(EV_SRC)/../data/*.tsv)
build/gen/generate: $(EV_SRC)/../data/generate.c $(EV_SRC)/engine/domain_hash.h $(EV_SRC)/engine/domain_list.h \
		$(EV_SRC)/engine/hash.h | build/include/engine-only/engine
	@mkdir -p $(@D)
	$(or $(BUILD_CC),$(CC)) -std=c11 -D_GNU_SOURCE -O2 $(EV_WARN) -Ibuild/include/engine-only -o $@ $<
build/gen/generated/domain_table.h: build/gen/generate $(DATA_LISTS)
	@mkdir -p $(@D)
	build/gen/generate $(EV_SRC)/../data >$@.new && mv $@.new $@
build/engine/domain_list.o build/san/engine/domain_list.o build/fuzzobj/engine/domain_list.o: build/gen/generated/domain_table.h
build/engine/domain_list.o build/san/engine/domain_list.o build/fuzzobj/engine/domain_list.o: EV_WARN += -Ibuild/gen

# the matcher of reply rules, likewise
RULES_OBJ = build/engine/reply_rules.o build/san/engine/reply_rules.o build/fuzzobj/engine/reply_rules.o
build/gen/generate_rules: $(EV_SRC)/../data/generate_rules.c $(ENGINE_HDR) | build/include/engine-only/engine
	@mkdir -p $(@D)
	$(or $(BUILD_CC),$(CC)) -std=c11 -D_GNU_SOURCE -O1 $(EV_WARN) -Ibuild/include/engine-only -o $@ $<
build/gen/generated/rule_table.h: build/gen/generate_rules
	@mkdir -p $(@D)
	build/gen/generate_rules >$@.new && mv $@.new $@
$(RULES_OBJ): build/gen/generated/rule_table.h
$(RULES_OBJ): EV_WARN += -Ibuild/gen

# providers' numbered codes, likewise
CODES_OBJ = build/engine/provider_code.o build/san/engine/provider_code.o build/fuzzobj/engine/provider_code.o
build/gen/generate_provider_codes: $(EV_SRC)/../data/generate_provider_codes.c $(EV_SRC)/engine/provider_code.h \
		$(EV_SRC)/engine/provider_code_form.def | build/include/engine-only/engine
	@mkdir -p $(@D)
	$(or $(BUILD_CC),$(CC)) -std=c11 -D_GNU_SOURCE -O1 $(EV_WARN) -Ibuild/include/engine-only -o $@ $<
build/gen/generated/provider_code_table.h: build/gen/generate_provider_codes $(EV_SRC)/../data/provider_codes.tsv
	@mkdir -p $(@D)
	build/gen/generate_provider_codes $(EV_SRC)/../data/provider_codes.tsv >$@.new && mv $@.new $@
$(CODES_OBJ): build/gen/generated/provider_code_table.h
$(CODES_OBJ): EV_WARN += -Ibuild/gen

# special-purpose addresses, likewise
TARGET_OBJ = build/engine/target.o build/san/engine/target.o build/fuzzobj/engine/target.o
build/gen/generate_targets: $(EV_SRC)/../data/generate_targets.c
	@mkdir -p $(@D)
	$(or $(BUILD_CC),$(CC)) -std=c11 -D_GNU_SOURCE -O1 $(EV_WARN) -o $@ $<
build/gen/generated/target_table.h: build/gen/generate_targets $(EV_SRC)/../data/special_addresses.tsv
	@mkdir -p $(@D)
	build/gen/generate_targets $(EV_SRC)/../data/special_addresses.tsv >$@.new && mv $@.new $@
$(TARGET_OBJ): build/gen/generated/target_table.h
$(TARGET_OBJ): EV_WARN += -Ibuild/gen

build/net/%.o: $(EV_SRC)/net/%.c $(ENGINE_HDR) $(NET_HDR) $(EV_SRC)/layers.mk | build/include/net-only/engine build/include/net-only/net
	@mkdir -p $(@D)
	$(CC) $(EV_CFLAGS) -D_GNU_SOURCE -Ibuild/include/net-only -c -o $@ $<

build/libev_engine.a: $(ENGINE_OBJ)
	rm -f $@ && ar rcs $@ $^

build/libev_net.a: $(NET_OBJ)
	rm -f $@ && ar rcs $@ $^

$(NET_PROGRAMS:%=build/%): build/%: build/net/%.o build/libev_net.a build/libev_engine.a
	$(CC) -g -o $@ $^ $(LDFLAGS) $(EV_LDFLAGS) -Wl,--as-needed $(NET_LIBS) $(ENGINE_LIBS)

# --- unit tests, and the programs of net: under ASan and UBSan ----------------------------------------

UNIT_CFLAGS = -std=c11 -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=all $(EV_WARN) -D_GNU_SOURCE
UNIT_TESTS = $(patsubst test/unit/%.c,build/unit/%,$(sort $(wildcard test/unit/test_*.c)))
ENGINE_SAN_OBJ = $(patsubst $(EV_SRC)/%.c,build/san/%.o,$(ENGINE_SRC))

build/san/engine/%.o: $(EV_SRC)/engine/%.c $(ENGINE_HDR) | build/include/engine-only/engine
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -Ibuild/include/engine-only -c -o $@ $<

build/san/libev_engine.a: $(ENGINE_SAN_OBJ)
	rm -f $@ && ar rcs $@ $^

# a prober's process that gives up its rights could not report what the sanitizers find
build/san/net/%.o: $(EV_SRC)/net/%.c $(ENGINE_HDR) $(NET_HDR) | build/include/net-only/engine build/include/net-only/net
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -DEV_UNCONFINED -Ibuild/include/net-only -c -o $@ $<

build/san/libev_net.a: $(patsubst $(EV_SRC)/%.c,build/san/%.o,$(NET_SRC))
	rm -f $@ && ar rcs $@ $^

build/unit/%: test/unit/%.c $(wildcard test/unit/*.h) build/san/libev_net.a build/san/libev_engine.a \
		| build/include/net-only/engine build/include/net-only/net
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -Ibuild/include/net-only -Itest/unit -o $@ $< build/san/libev_net.a \
		build/san/libev_engine.a -lcmocka -Wl,--as-needed $(NET_LIBS) $(ENGINE_LIBS)

$(NET_PROGRAMS:%=build/san/%): build/san/%: build/san/net/%.o build/san/libev_net.a build/san/libev_engine.a
	$(CC) $(UNIT_CFLAGS) -o $@ $^ -Wl,--as-needed $(NET_LIBS) $(ENGINE_LIBS)

unit-tests: $(UNIT_TESTS)

# --- fuzzers: libFuzzer needs clang -------------------------------------------------------------------

FUZZ_CC ?= clang
FUZZ_CFLAGS = -std=c11 -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all \
	$(EV_WARN) -D_GNU_SOURCE
FUZZERS = $(patsubst test/fuzz/%.c,build/fuzz/%,$(sort $(wildcard test/fuzz/fuzz_*.c)))

build/fuzzobj/engine/%.o: $(EV_SRC)/engine/%.c $(ENGINE_HDR) | build/include/engine-only/engine
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_CFLAGS) -Ibuild/include/engine-only -c -o $@ $<

# of net: what reads a stranger's bytes without a loop or a library
FUZZ_NET = pipe pipe_frame ip

build/fuzzobj/net/%.o: $(EV_SRC)/net/%.c $(ENGINE_HDR) $(NET_HDR) | build/include/net-only/engine build/include/net-only/net
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_CFLAGS) -Ibuild/include/net-only -c -o $@ $<

build/fuzz/%: test/fuzz/%.c $(patsubst $(EV_SRC)/%.c,build/fuzzobj/%.o,$(ENGINE_SRC)) \
		$(FUZZ_NET:%=build/fuzzobj/net/%.o)
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -Ibuild/include/net-only -o $@ $^ $(ENGINE_LIBS)

fuzzers: $(FUZZERS)

.PHONY: unit-tests fuzzers
.SECONDARY:
