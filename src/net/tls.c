/*
 * tls.c
 *	  OpenSSL behind a pair of memory BIOs.
 *
 * OpenSSL's error queue belongs to the thread and is shared with whoever else uses the library in
 * this process, so it is cleared before each call whose result is looked at.
 */
#include "net/tls.h"

#include <openssl/err.h>

SSL_CTX *
ev_tls_context(void)
{
	SSL_CTX *context;

	ERR_clear_error();
	context = SSL_CTX_new(TLS_client_method());
	if (context == NULL)
	{
		ERR_clear_error();
		return NULL;
	}
	SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_security_level(context, 0);
	SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_LEGACY_SERVER_CONNECT |
	                                 SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	return context;
}

bool
ev_tls_open(struct ev_tls *tls, SSL_CTX *context, const char *host)
{
	ERR_clear_error();
	tls->up = tls->failed = false;
	tls->in = tls->out = NULL;
	tls->ssl = SSL_new(context);
	if (tls->ssl == NULL)
		return false;
	tls->in = BIO_new(BIO_s_mem());
	tls->out = BIO_new(BIO_s_mem());
	if (tls->in == NULL || tls->out == NULL)
	{
		BIO_free(tls->in);
		BIO_free(tls->out);
		SSL_free(tls->ssl);
		tls->ssl = NULL;
		return false;
	}
	BIO_set_mem_eof_return(tls->in, -1);
	SSL_set_bio(tls->ssl, tls->in, tls->out);
	SSL_set_connect_state(tls->ssl);
	SSL_set_tlsext_host_name(tls->ssl, host);
	return true;
}

void
ev_tls_close(struct ev_tls *tls)
{
	SSL_free(tls->ssl); /* and the BIOs */
	tls->ssl = NULL;
	ERR_clear_error();
}

bool
ev_tls_feed(struct ev_tls *tls, const char *bytes, size_t n)
{
	ERR_clear_error();
	return BIO_write(tls->in, bytes, (int) n) == (int) n;
}

/* After a call that returned r: is it only that more cipher text is needed? */
static bool
wants_more(struct ev_tls *tls, int r)
{
	int error = SSL_get_error(tls->ssl, r);

	ERR_clear_error();
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

void
ev_tls_handshake(struct ev_tls *tls)
{
	int r;

	ERR_clear_error();
	r = SSL_do_handshake(tls->ssl);
	if (r == 1)
		tls->up = true;
	else if (!wants_more(tls, r))
		tls->failed = true;
}

size_t
ev_tls_read(struct ev_tls *tls, char *buf, size_t size)
{
	int r;

	if (tls->failed)
		return 0;
	ERR_clear_error();
	r = SSL_read(tls->ssl, buf, (int) size);
	if (r > 0)
		return (size_t) r;
	if (!wants_more(tls, r))
		tls->failed = true;
	return 0;
}

bool
ev_tls_write(struct ev_tls *tls, const char *bytes, size_t n)
{
	int r;

	if (tls->failed)
		return false;
	ERR_clear_error();
	r = SSL_write(tls->ssl, bytes, (int) n);
	if (r == (int) n)
		return true;
	ERR_clear_error();
	tls->failed = true;
	return false;
}

void
ev_tls_shutdown(struct ev_tls *tls)
{
	if (!tls->up || tls->failed)
		return;
	ERR_clear_error();
	SSL_shutdown(tls->ssl);
	ERR_clear_error();
}

size_t
ev_tls_output(struct ev_tls *tls, const char **bytes)
{
	char *data = NULL;
	long n = BIO_get_mem_data(tls->out, &data);

	*bytes = data;
	return n > 0 ? (size_t) n : 0;
}

void
ev_tls_sent(struct ev_tls *tls, size_t n)
{
	char sink[1024];

	while (n > 0)
	{
		int r = BIO_read(tls->out, sink, n < sizeof(sink) ? (int) n : (int) sizeof(sink));

		if (r <= 0)
			break;
		n -= (size_t) r;
	}
}
