# email_verify: verify e-mail addresses inside PostgreSQL
#
# Three layers, each compiled where it can see only itself and the layers below it:
#	engine	pure C11, no PostgreSQL, no network		build/libev_engine.a
#	net	libuv + c-ares + OpenSSL			build/libev_net.a
#	pg	email_verify.so (engine + SQL functions) and email_verify_worker.so (engine + net + worker)

EXTENSION = email_verify
EXTVERSION = 1.0
MODULE_big = email_verify
DATA = email_verify--1.0.sql
DOCS =

REGRESS = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
REGRESS_OPTS = --load-extension=$(EXTENSION)

# what both libraries need of src/pg, what only the backend's and only the worker's needs
PG_SHARED = $(patsubst %.c,%.o,$(wildcard src/pg/shared/*.c))
PG_BACKEND = $(patsubst %.c,%.o,$(wildcard src/pg/backend/*.c))
PG_WORKER = $(patsubst %.c,%.o,$(wildcard src/pg/worker/*.c))

OBJS = $(PG_SHARED) $(PG_BACKEND)

PG_CPPFLAGS = -I$(srcdir)/src
PG_CFLAGS = -std=gnu11
ENGINE_LIBS = -lidn2 -lunistring
NET_LIBS = -luv -lcares -lssl -lcrypto
SHLIB_LINK = build/libev_engine.a $(ENGINE_LIBS) \
	-Wl,--version-script=$(srcdir)/src/pg/backend/exports.map

EXTRA_CLEAN = build src/pg/worker/*.o src/pg/worker/*.bc email_verify_worker.so

# What whoever builds has set in the environment, as dpkg-buildflags does; PGXS puts its own in place of it.
from_environment = $(if $(filter environment,$(origin $(1))),$($(1)))
EV_USER_CFLAGS := $(call from_environment,CPPFLAGS) $(call from_environment,CFLAGS)
EV_USER_LDFLAGS := $(call from_environment,LDFLAGS)

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

include $(srcdir)/src/layers.mk

# --- the two libraries, the command-line prober and the program of a prober's process --------------

all: email_verify_worker.so build/email_probe build/email_verify_prober

$(shlib): build/libev_engine.a $(srcdir)/src/pg/backend/exports.map

# headers of ours that a changed object may depend on: few enough to name them all
PG_HEADERS = $(wildcard $(srcdir)/src/*/*.h $(srcdir)/src/*/*.def $(srcdir)/src/pg/*/*.h $(srcdir)/src/pg/*/*.def)
$(PG_SHARED) $(PG_BACKEND) $(PG_WORKER): $(PG_HEADERS)

email_verify_worker.so: $(PG_WORKER) $(PG_SHARED) build/libev_net.a build/libev_engine.a \
		$(srcdir)/src/pg/worker/exports.map
	$(CC) $(CFLAGS) $(CFLAGS_SL) -shared -o $@ $(PG_WORKER) $(PG_SHARED) \
		$(LDFLAGS) $(LDFLAGS_SL) -Wl,--as-needed build/libev_net.a build/libev_engine.a $(NET_LIBS) \
		$(ENGINE_LIBS) -Wl,--version-script=$(srcdir)/src/pg/worker/exports.map

install: install-worker
install-worker: all installdirs
	$(MKDIR_P) '$(DESTDIR)$(bindir)'
	$(INSTALL_SHLIB) email_verify_worker.so '$(DESTDIR)$(pkglibdir)/email_verify_worker.so'
	$(INSTALL_PROGRAM) build/email_verify_prober '$(DESTDIR)$(pkglibdir)/email_verify_prober'
	$(INSTALL_PROGRAM) build/email_probe '$(DESTDIR)$(bindir)/email_probe'

uninstall: uninstall-worker
uninstall-worker:
	rm -f '$(DESTDIR)$(pkglibdir)/email_verify_worker.so' \
		'$(DESTDIR)$(pkglibdir)/email_verify_prober' '$(DESTDIR)$(bindir)/email_probe'

.PHONY: install-worker uninstall-worker
